"""A plan and a seed to a trained adapter."""
