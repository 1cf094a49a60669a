"""The demo model: `weights/` in Diffusers layout, made by `scripts/demo_model`."""
