"""What frames are written as: what was asked for, else the settings; the rest is refused."""

from __future__ import annotations

import tomllib

import pytest

from wantui.api.video import Codec
from wantui.catalog.encoding import resolve_encoding
from wantui.errors import InvalidRequest
from wantui.paths import shipped_config
from wantui.settings import Settings

SHIPPED = Settings.model_validate(
    tomllib.loads((shipped_config() / "wantui.toml").read_text("utf-8"))
).video


def test_without_a_word_it_is_as_the_settings_say() -> None:
    encoding = resolve_encoding(SHIPPED)
    assert (encoding.codec, encoding.crf, encoding.preset) == (Codec.H264, 17, "medium")
    assert not encoding.png


@pytest.mark.parametrize(
    ("name", "codec", "crf", "preset"),
    [
        ("h264", Codec.H264, 17, "medium"),
        ("H265", Codec.H265, 20, "medium"),
        ("hevc", Codec.H265, 20, "medium"),
        ("av1", Codec.AV1, 24, "8"),
    ],
)
def test_a_codec_brings_its_own_scale(name: str, codec: Codec, crf: int, preset: str) -> None:
    encoding = resolve_encoding(SHIPPED, name, png=True)
    assert (encoding.codec, encoding.crf, encoding.preset) == (codec, crf, preset)
    assert encoding.png
    assert resolve_encoding(SHIPPED, name, 0).crf == 0


@pytest.mark.parametrize(
    ("codec", "crf", "field", "nearest"),
    [
        ("h266", None, "codec", "h265"),
        ("av1", 64, "crf", 63),
        ("h264", 52, "crf", 51),
        (None, -1, "crf", 0),
    ],
)
def test_what_no_codec_takes_is_refused_with_what_comes_nearest(
    codec: str | None, crf: int | None, field: str, nearest: object
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        resolve_encoding(SHIPPED, codec, crf)
    assert (caught.value.detail["field"], caught.value.detail["nearest"]) == (field, nearest)
