"""A training run to what each of its layers did, kept in a store."""
