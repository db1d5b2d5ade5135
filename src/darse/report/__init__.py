"""A study to a page, a model card and tables."""
