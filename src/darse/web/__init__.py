"""What every server of ours stands on: who may ask, what a request may cost, and where it listens."""
