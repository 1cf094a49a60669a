"""wantui: Wan 2.2 video models on your GPU box, driven from a terminal."""

__version__ = "0.1.0"
