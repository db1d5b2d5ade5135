"""A study from its beginning to its end: what somebody wants to know to its result."""
