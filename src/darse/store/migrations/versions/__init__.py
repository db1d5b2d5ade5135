"""One module per schema, in order; a released one is never changed."""
