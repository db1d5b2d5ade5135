"""Stores to pages that people look at in a browser."""
