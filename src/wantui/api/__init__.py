"""The wire of HTTP: frozen models, one file a noun; replies carry whole objects."""
