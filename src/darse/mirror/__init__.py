"""A study to the tools that people look at runs with: Optuna, MLflow and trackio."""
