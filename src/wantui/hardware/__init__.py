"""What this machine is, and how a model is loaded on it."""
