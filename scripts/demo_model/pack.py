"""From a course's weights to a model in Diffusers layout, in half precision, and back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import parts
from course import averaged
from flow import Model
from latents import load
from safetensors.torch import load_file
from sums import write_sums
from torch import Tensor

WEIGHTS = Path(__file__).parents[2] / "src" / "wantui" / "demo" / "weights"
MODEL_INDEX = {
    "_class_name": "WanPipeline",
    "_diffusers_version": "0.35.0.dev0",
    "boundary_ratio": None,
    "expand_timesteps": True,
    "scheduler": ["diffusers", "UniPCMultistepScheduler"],
    "text_encoder": ["transformers", "UMT5EncoderModel"],
    "tokenizer": ["transformers", "T5TokenizerFast"],
    "transformer": ["diffusers", "WanTransformer3DModel"],
    "transformer_2": [None, None],
    "vae": ["diffusers", "AutoencoderKLWan"],
}


def pack(work: Path, folder: Path) -> None:
    """Write the model in place of whatever is there."""
    latents = load(work / "latents")
    vae = parts.vae()
    vae.load_state_dict(averaged(work, "vae"))
    vae.register_to_config(latents_mean=_rounded(latents.mean), latents_std=_rounded(latents.std))
    model = Model()
    model.load_state_dict(averaged(work, "transformer"))
    parts.share_embeddings(model.text_encoder)
    shutil.rmtree(folder, ignore_errors=True)
    trained = {"transformer": model.transformer, "text_encoder": model.text_encoder, "vae": vae}
    for name, part in trained.items():
        part.half().save_pretrained(folder / name)
    parts.scheduler().save_pretrained(folder / "scheduler")
    parts.tokenizer().save_pretrained(folder / "tokenizer")
    _write_json(folder / "model_index.json", MODEL_INDEX)
    for path in folder.rglob("*.json"):
        _write_json(path, json.loads(path.read_text("utf-8")))
    write_sums(folder)


def unpack(folder: Path) -> dict[str, dict[str, Tensor]]:
    """The weights as the courses name them, in fp32."""
    vae = _weights(folder / "vae" / "diffusion_pytorch_model.safetensors")
    transformer = _weights(folder / "transformer" / "diffusion_pytorch_model.safetensors")
    text = _weights(folder / "text_encoder" / "model.safetensors")
    both = {f"transformer.{name}": weight for name, weight in transformer.items()}
    both |= {f"text_encoder.{name}": weight for name, weight in text.items()}
    both["text_encoder.encoder.embed_tokens.weight"] = text["shared.weight"]  # one, saved once
    return {"vae": vae, "transformer": both}


def _weights(path: Path) -> dict[str, Tensor]:
    return {name: weight.float() for name, weight in load_file(path).items()}


def _rounded(channels: Tensor) -> list[float]:
    return [round(value, 6) for value in channels.flatten().tolist()]


def _write_json(path: Path, content: dict[str, Any]) -> None:
    """Compact where it is long: the tokenizer's vocabulary is most of what is not weights."""
    long = path.name == "tokenizer.json"
    separators = (",", ":") if long else None
    text = json.dumps(
        content, ensure_ascii=False, indent=None if long else 1, separators=separators
    )
    path.write_text(text + "\n", "utf-8")
