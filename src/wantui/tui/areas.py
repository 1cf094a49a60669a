"""The six areas, in the order of their keys."""

from __future__ import annotations

from enum import StrEnum


class Area(StrEnum):
    GENERATE = "generate"
    QUEUE = "queue"
    MODELS = "models"
    HARDWARE = "hardware"
    GALLERY = "gallery"
    LOGS = "logs"

    @property
    def key(self) -> str:
        return str(list(Area).index(self) + 1)
