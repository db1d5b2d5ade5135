"""Base models, heads, low-rank layers, and adapters in and out."""
