"""Trials to outcomes: the evaluators and where they run."""
