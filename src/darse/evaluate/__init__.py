"""Predictions to losses, metrics and paired statistics."""
