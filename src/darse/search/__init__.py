"""History to next trials: the stages, the strategies and the verdict."""
