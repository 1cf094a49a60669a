"""The process that owns the queue, the weights' state and the workers; no torch, no hub client."""
