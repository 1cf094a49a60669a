"""What exists: models and qualities, read from the TOML that ships in `config/`."""
