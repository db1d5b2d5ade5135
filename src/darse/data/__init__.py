"""Labelled files to split examples."""
