"""How frames become files. It decides no pixel: frames are hashed before any codec sees them."""

from __future__ import annotations

from enum import StrEnum

from wantui.api.base import Reply


class Codec(StrEnum):
    H264 = "h264"
    H265 = "h265"
    AV1 = "av1"


class Encoding(Reply):
    """What a job's frames are written as."""

    codec: Codec
    crf: int
    """The codec's own scale of quality: 0 is best, and 17 of one is not 17 of another."""
    preset: str
    """The codec's own name for how long it tries."""
    png: bool
    """Every frame is also kept as it was before the codec, in a file of its own."""


BEST_CRF = 0
WORST_CRF = {Codec.H264: 51, Codec.H265: 51, Codec.AV1: 63}
