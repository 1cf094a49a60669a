"""Jobs: how they are kept, which states they go through, and in which order they run."""
