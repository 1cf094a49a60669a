"""The process that pulls, verifies and repairs weights, and the only room with huggingface_hub."""
