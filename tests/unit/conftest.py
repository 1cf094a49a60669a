"""Property tests are timed by pytest's own limit: a busy machine is no failure."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("wantui", deadline=None)
settings.load_profile("wantui")
