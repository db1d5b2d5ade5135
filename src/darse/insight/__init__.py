"""From a file of scored or labelled texts to what changed, where, and which rows show it."""
