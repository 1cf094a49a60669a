"""Weights on disk: what is there, seen without a network and without the hub's client."""
