"""A model's components: from a folder in Diffusers layout to modules that weights can come to."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from wantui.api.plan import DType, Residency
from wantui.errors import WeightsUnreadable
from wantui.pipe.messages import ModelFiles
from wantui.worker import engine
from wantui.worker.compiled import Compiler
from wantui.worker.component import Component, Weights
from wantui.worker.gguf_weights import GgufWeights
from wantui.worker.placement import Placement
from wantui.worker.tensor_file import DTYPES
from wantui.worker.weights import (
    Expected,
    Safetensors,
    check_unchanged,
    locate,
    read_json,
    weight_files,
)

log = logging.getLogger(__name__)

DIFFUSERS_STEM = "diffusion_pytorch_model"
TRANSFORMERS_STEM = "model"


@dataclass(frozen=True)
class LoadKey:
    """What a loaded model was made from, and what of it stays where."""

    files: ModelFiles
    dtype: DType
    residency: Residency
    device: torch.device

    def has_weights_of(self, other: LoadKey) -> bool:
        """Whether nothing has to be loaded anew for the other."""
        return replace(self, residency=other.residency) == other


@dataclass(frozen=True)
class LoadedModel:
    """Components in evaluation mode. Their weights are there once `placement` has brought them."""

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
    placement: Placement
    compiler: Compiler

    @property
    def blocks(self) -> list[nn.Module]:
        """Of its experts, in their order."""
        experts = (self.transformer, self.transformer_2)
        return [block for expert in experts if expert is not None for block in expert.blocks]

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

    @property
    def parameters(self) -> int:
        """How many numbers the model has, all components together."""
        return sum(engine.parameter_count(module) for module in self.modules.values())

    def arranged(self, residency: Residency) -> LoadedModel:
        """The same model by another plan."""
        self.placement.arrange(residency)
        return replace(self, key=replace(self.key, residency=residency))


def load(key: LoadKey, check_stop: Callable[[], None]) -> LoadedModel:
    """Make every component without memory, and prove its files by their headers.

    Weights are read when a component is first brought, so that what a job does not need is never
    read, and what it does need cannot turn out to be wrong after half an hour. `check_stop` ends
    this, and whatever is brought until someone else attends, by raising. Raises WeightsUnreadable
    naming the file, WeightsChanged.
    """
    check_unchanged(key.files.every_file)
    folder = Path(key.files.folder)
    source = _Source(folder, key)
    second, *_ = read_json(folder / "model_index.json").get("transformer_2") or [None]
    components: dict[str, Component] = {}
    for name in ("text_encoder", "transformer", *(["transformer_2"] if second else []), "vae"):
        check_stop()
        components[name] = source.component(name)
    modules: dict[str, Any] = {name: part.module for name, part in components.items()}
    placement = Placement(components, key.device, key.residency)
    placement.attend(check_stop)
    return LoadedModel(
        key=key,
        tokenizer=_tokenizer(folder / "tokenizer"),
        text_encoder=modules["text_encoder"],
        transformer=modules["transformer"],
        transformer_2=modules.get("transformer_2"),
        vae=modules["vae"],
        scheduler_config=read_json(folder / "scheduler" / "scheduler_config.json"),
        placement=placement,
        compiler=Compiler(),
    )


@dataclass(frozen=True)
class _Source:
    """A folder in Diffusers layout, and the type that its tensors are to come out in."""

    folder: Path
    key: LoadKey

    def component(self, name: str) -> Component:
        config = read_json(self.folder / name / "config.json")
        if name == "vae":
            return self._vae(config)
        return self._text_encoder(config) if name == "text_encoder" else self._expert(name, config)

    def _expert(self, name: str, config: dict[str, Any]) -> Component:
        model = engine.meta_transformer(config)
        engine.add_rope(model, torch.device("cpu"))
        dtype = DTYPES[self.key.dtype]

        def dtype_of(key: str) -> torch.dtype:
            return torch.float32 if engine.kept_in_fp32(model, key) else dtype

        expected = Expected(_shapes(model), may_ignore=engine.ignored_keys(model))
        files = [part.path for part in self.key.files.gguf if part.component == name]
        if files:
            gguf = GgufWeights(Path(files[0]), model, expected, dtype_of, dtype)
            return self._component(name, model, gguf, model.blocks)
        weights = self._safetensors(name, DIFFUSERS_STEM, model, expected, dtype_of)
        return self._component(name, model, weights, model.blocks)

    def _vae(self, config: dict[str, Any]) -> Component:
        model = engine.meta_vae(config)
        weights = self._safetensors(
            "vae", DIFFUSERS_STEM, model, Expected(_shapes(model)), lambda _key: torch.float32
        )
        return self._component("vae", model, weights)

    def _text_encoder(self, config: dict[str, Any]) -> Component:
        model = engine.meta_text_encoder(config)
        engine.tie_embedding(model)
        dtype = DTYPES[self.key.dtype]
        expected = Expected(_shapes(model), may_miss=frozenset({engine.TIED_EMBEDDING}))
        weights = self._safetensors(
            "text_encoder", TRANSFORMERS_STEM, model, expected, lambda _key: dtype
        )
        return self._component("text_encoder", model, weights, model.encoder.block)

    def _weights_folder(self, module: nn.Module, name: str) -> Path:
        """Converted weights if the order names some, made as this engine would cast them."""
        kept = engine.kept_modules(type(module).__name__)
        for part in self.key.files.converted:
            if part.component == name and set(part.kept_in_fp32) == kept:
                return Path(part.folder)
            if part.component == name:
                log.warning("%s: converted with other modules in fp32, not used", name)
        return self.folder / name

    def _safetensors(
        self,
        name: str,
        stem: str,
        module: nn.Module,
        expected: Expected,
        dtype_of: Callable[[str], torch.dtype],
    ) -> Safetensors:
        files = weight_files(self._weights_folder(module, name), stem)
        return Safetensors(locate(files, expected), dtype_of)

    def _component(
        self, name: str, module: nn.Module, weights: Weights, blocks: Sequence[nn.Module] = ()
    ) -> Component:
        module.eval().requires_grad_(requires_grad=False)
        planned = self.key.files.every_file
        log.info("%s: %d parameters", name, engine.parameter_count(module))
        return Component(module, weights, lambda: check_unchanged(planned), blocks)


def _shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {key: tuple(tensor.shape) for key, tensor in module.state_dict().items()}


def _tokenizer(folder: Path) -> engine.Tokenizer:
    try:
        return engine.tokenizer(folder)
    except (OSError, ValueError) as error:
        raise WeightsUnreadable(f"tokenizer: {error}") from error
