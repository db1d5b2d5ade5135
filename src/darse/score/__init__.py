"""From an adapter and texts to scores: one seam for single texts, for files and for what comes later."""
