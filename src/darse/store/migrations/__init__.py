"""Alembic's folder: how each released schema becomes the next."""
