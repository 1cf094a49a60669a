"""What a job's frames are written as: what was asked for, else what the settings say."""

from __future__ import annotations

from wantui.api.video import BEST_CRF, WORST_CRF, Codec, Encoding
from wantui.errors import InvalidRequest
from wantui.settings import Av1Settings, VideoSettings, X26xSettings
from wantui.text import nearest, one_line

_ALSO_CALLED = {"avc": Codec.H264, "hevc": Codec.H265}


def resolve_encoding(
    settings: VideoSettings, codec: str | None = None, crf: int | None = None, *, png: bool = False
) -> Encoding:
    """Raises InvalidRequest naming the field, what is allowed and the nearest valid value."""
    chosen = _codec(settings.codec if codec is None else codec)
    usual = _usual(settings, chosen)
    return Encoding(
        codec=chosen,
        crf=usual.crf if crf is None else _crf(chosen, crf),
        preset=str(usual.preset),
        png=png,
    )


def _usual(settings: VideoSettings, codec: Codec) -> X26xSettings | Av1Settings:
    match codec:
        case Codec.H264:
            return settings.h264
        case Codec.H265:
            return settings.h265
        case Codec.AV1:
            return settings.av1


def _codec(name: str) -> Codec:
    known = {codec.value: codec for codec in Codec} | _ALSO_CALLED
    try:
        return known[name.casefold()]
    except KeyError:
        raise InvalidRequest.for_field(
            "codec",
            f"no codec is called {one_line(name, 80)!r}",
            allowed=", ".join(Codec),
            nearest=nearest(name, Codec),
        ) from None


def _crf(codec: Codec, crf: int) -> int:
    worst = WORST_CRF[codec]
    if not BEST_CRF <= crf <= worst:
        raise InvalidRequest.for_field(
            "crf",
            f"{crf} is out of range",
            allowed=f"{BEST_CRF}, the best, to {worst} with {codec}",
            nearest=min(max(crf, BEST_CRF), worst),
        )
    return crf
