"""Decoding by tiles gives diffusers' own bits, and holds one tile's cache at a time."""

from __future__ import annotations

from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from diffusers.video_processor import VideoProcessor

from tests.worker.orders import Tiny
from wantui.api.plan import DType, Residency
from wantui.worker.condition import latent_scaling
from wantui.worker.decode import Frames, decode, pieces
from wantui.worker.load import LoadedModel, LoadKey, load
from wantui.worker.stop import StopFlag, StopOrdered

AutoencoderKLWan: Any = diffusers.AutoencoderKLWan
_processor: Any = VideoProcessor(vae_scale_factor=8)


def _load(model: Tiny) -> LoadedModel:
    key = LoadKey(model.files, DType.FLOAT32, Residency.RESIDENT, torch.device("cpu"))
    return load(key, StopFlag().check)


def _latents(model: LoadedModel, frames: int, height: int, width: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(1, model.vae.config.z_dim, frames, height, width, generator=generator)


def _ours(model: LoadedModel, latents: torch.Tensor, *, tiled: bool) -> list[Frames]:
    with torch.inference_mode():
        return list(decode(model, latents, StopFlag(), tiled=tiled))


def _theirs(folder: Tiny, model: LoadedModel, latents: torch.Tensor) -> Frames:
    vae = AutoencoderKLWan.from_pretrained(folder.folder / "vae")
    vae.enable_tiling()
    mean, scale = latent_scaling(model, latents)
    with torch.no_grad():
        video = vae.decode(latents / scale + mean, return_dict=False)[0]
    frames = _processor.postprocess_video(video, output_type="pil")[0]
    return np.stack([np.asarray(frame) for frame in frames])


@pytest.mark.parametrize(
    ("kind", "height", "width"),
    [
        ("t2v", 26, 33),  # a tile is 32, the next begins at 24: two rows, two columns
        ("t2v", 2, 50),  # three columns, the last of 2
        ("ti2v", 13, 17),  # 16 and 12
    ],
)
def test_tiles_give_the_bits_of_diffusers(
    tinies: dict[str, Tiny], kind: str, height: int, width: int
) -> None:
    model = _load(tinies[kind])
    latents = _latents(model, 2, height, width)
    chunks = _ours(model, latents, tiled=True)
    assert [len(chunk) for chunk in chunks] == [1, 4]
    ours = np.concatenate(chunks)
    np.testing.assert_array_equal(ours, _theirs(tinies[kind], model, latents))
    if height == 2:
        whole = np.concatenate(_ours(model, latents, tiled=False))
        assert whole.shape == ours.shape
        assert (whole != ours).any(), "tiles leave their mark: or nothing was tiled"


@pytest.mark.parametrize(("kind", "side"), [("t2v", 32), ("ti2v", 16)])
def test_what_fits_one_tile_is_decoded_whole(tinies: dict[str, Tiny], kind: str, side: int) -> None:
    model = _load(tinies[kind])
    latents = _latents(model, 2, side, 2)
    assert pieces(model, latents, tiled=True) == 2
    for mine, whole in zip(
        _ours(model, latents, tiled=True), _ours(model, latents, tiled=False), strict=True
    ):
        np.testing.assert_array_equal(mine, whole)


@pytest.mark.parametrize("tiled", [False, True])
def test_every_piece_is_told_and_can_be_the_last(tinies: dict[str, Tiny], tiled: bool) -> None:
    model = _load(tinies["t2v"])
    latents = _latents(model, 2, 2, 33)
    expected = pieces(model, latents, tiled=tiled)
    assert expected == (4 if tiled else 2)
    stop, told = StopFlag(), list[tuple[int, int]]()

    def on_piece(done: int, of: int) -> None:
        told.append((done, of))
        if stop_at == done:
            stop.order()

    stop_at = 0
    with torch.inference_mode():
        list(decode(model, latents, stop, tiled=tiled, on_piece=on_piece))
        assert told == [(done + 1, expected) for done in range(expected)]
        told.clear()
        stop_at = 1
        with pytest.raises(StopOrdered):
            list(decode(model, latents, stop, tiled=tiled, on_piece=on_piece))
    assert told == [(1, expected)]
