"""Somebody's trained adapter to the smallest cut of it that is not worse."""
