"""Studies of a store to what they say: by layer, over time, against each other."""
