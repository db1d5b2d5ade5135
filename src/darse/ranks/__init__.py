"""Sites of a model, rank plans, costs and budgets."""
