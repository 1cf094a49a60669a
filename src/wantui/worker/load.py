"""A model's components, from a folder in Diffusers layout to modules that are ready to run."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from wantui.api.plan import DType, Residency
from wantui.errors import WeightsUnreadable
from wantui.pipe.messages import ModelFiles
from wantui.worker import engine
from wantui.worker.placement import Placement
from wantui.worker.tensor_file import DTYPES
from wantui.worker.weights import Filling, check_unchanged, fill, read_json, weight_files

log = logging.getLogger(__name__)

DIFFUSERS_STEM = "diffusion_pytorch_model"
TRANSFORMERS_STEM = "model"


@dataclass(frozen=True)
class LoadKey:
    """What a loaded model was made from: an order with an equal one needs no load."""

    files: ModelFiles
    dtype: DType
    residency: Residency
    device: torch.device


@dataclass(frozen=True)
class LoadedModel:
    """Components in evaluation mode, and where they are."""

    key: LoadKey
    tokenizer: engine.Tokenizer
    text_encoder: engine.TextEncoder
    transformer: engine.Transformer
    """The high-noise expert, or the only one."""
    transformer_2: engine.Transformer | None
    """The low-noise expert."""
    vae: engine.Vae
    """In fp32 always."""
    scheduler_config: dict[str, Any]

    @property
    def device(self) -> torch.device:
        return self.key.device

    @property
    def modules(self) -> dict[str, nn.Module]:
        parts: dict[str, nn.Module | None] = {
            "text_encoder": self.text_encoder,
            "transformer": self.transformer,
            "transformer_2": self.transformer_2,
            "vae": self.vae,
        }
        return {name: module for name, module in parts.items() if module is not None}

    @cached_property
    def placement(self) -> Placement:
        return Placement(self.modules, self.device, self.key.residency)

    @property
    def parameters(self) -> int:
        """How many numbers the model has, all components together."""
        return sum(p.numel() for module in self.modules.values() for p in module.parameters())


def load(key: LoadKey, check_stop: Callable[[], None]) -> LoadedModel:
    """Load every component; RESIDENT ones go to the device tensor by tensor.

    `check_stop` is called before each tensor and ends the load by raising. Raises
    WeightsUnreadable naming the file, WeightsChanged.
    """
    check_unchanged(key.files.every_file)
    folder = Path(key.files.folder)
    source = _Source(folder, key, check_stop)
    second, *_ = read_json(folder / "model_index.json").get("transformer_2") or [None]
    model = LoadedModel(
        key=key,
        tokenizer=_tokenizer(folder / "tokenizer"),
        text_encoder=source.text_encoder(),
        transformer=source.transformer("transformer"),
        transformer_2=source.transformer("transformer_2") if second else None,
        vae=source.vae(),
        scheduler_config=read_json(folder / "scheduler" / "scheduler_config.json"),
    )
    check_unchanged(key.files.every_file)
    return model


@dataclass(frozen=True)
class _Source:
    """One load: a folder, and how its tensors are to come out."""

    folder: Path
    key: LoadKey
    check_stop: Callable[[], None]

    def transformer(self, name: str) -> engine.Transformer:
        model = engine.meta_transformer(self._config(name))
        dtype = DTYPES[self.key.dtype]

        def dtype_of(key: str) -> torch.dtype:
            return torch.float32 if engine.kept_in_fp32(model, key) else dtype

        how = self._how(dtype_of, may_ignore=engine.ignored_keys(model))
        self._fill(model, name, DIFFUSERS_STEM, how)
        engine.add_rope(model, self._device)
        return model

    def vae(self) -> engine.Vae:
        model = engine.meta_vae(self._config("vae"))
        self._fill(model, "vae", DIFFUSERS_STEM, self._how(lambda _key: torch.float32))
        return model

    def text_encoder(self) -> engine.TextEncoder:
        model = engine.meta_text_encoder(self._config("text_encoder"))
        dtype = DTYPES[self.key.dtype]
        how = self._how(lambda _key: dtype, may_miss=frozenset({engine.TIED_EMBEDDING}))
        self._fill(model, "text_encoder", TRANSFORMERS_STEM, how)
        engine.tie_embedding(model)
        return model

    @property
    def _device(self) -> torch.device:
        resident = self.key.residency is Residency.RESIDENT
        return self.key.device if resident else torch.device("cpu")

    def _config(self, name: str) -> dict[str, Any]:
        return read_json(self.folder / name / "config.json")

    def _weights_folder(self, module: nn.Module, name: str) -> Path:
        """Converted weights if the order names some, made as this engine would cast them."""
        kept = engine.kept_modules(type(module).__name__)
        for part in self.key.files.converted:
            if part.component == name and set(part.kept_in_fp32) == kept:
                return Path(part.folder)
            if part.component == name:
                log.warning("%s: converted with other modules in fp32, not used", name)
        return self.folder / name

    def _how(
        self,
        dtype_of: Callable[[str], torch.dtype],
        *,
        may_miss: frozenset[str] = frozenset(),
        may_ignore: tuple[str, ...] = (),
    ) -> Filling:
        return Filling(dtype_of, self._device, self.check_stop, may_miss, may_ignore)

    def _fill(self, module: nn.Module, name: str, stem: str, how: Filling) -> None:
        fill(module, weight_files(self._weights_folder(module, name), stem), how)
        module.eval().requires_grad_(requires_grad=False)
        log.info("%s: %d parameters", name, sum(p.numel() for p in module.parameters()))


def _tokenizer(folder: Path) -> engine.Tokenizer:
    try:
        return engine.tokenizer(folder)
    except (OSError, ValueError) as error:
        raise WeightsUnreadable(f"tokenizer: {error}") from error
