"""Prompts to embeddings, as the Wan pipelines make them.

Source: diffusers 0.42.1, `pipelines/wan/pipeline_wan.py`, `prompt_clean` and
`_get_t5_prompt_embeds`; equal to the bit.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

import ftfy
import torch
from torch import Tensor

from wantui.api.job import Params
from wantui.errors import GenerationFailed
from wantui.worker.embeddings import Embeddings, padded
from wantui.worker.load import LoadedModel
from wantui.worker.stop import StopFlag
from wantui.worker.tensor_file import DTYPES


@dataclass(frozen=True)
class PromptEmbeddings:
    """Each (1, text_tokens, text_dim), in the transformer's dtype, on the device."""

    positive: Tensor
    negative: Tensor | None
    """None where guidance does not use it."""


def uses_negative(params: Params) -> bool:
    """Classifier-free guidance is decided by the high-noise expert's scale alone."""
    return params.guidance > 1.0


def prompt_clean(text: str) -> str:
    """Mend broken encodings, undo HTML escapes, and make every run of whitespace one space."""
    mended = html.unescape(html.unescape(ftfy.fix_text(text))).strip()
    return re.sub(r"\s+", " ", mended).strip()


def token_count(model: LoadedModel, text: str) -> int:
    """Tokens of the whole prompt, its end mark included, however long it is."""
    return len(model.tokenizer(prompt_clean(text), add_special_tokens=True).input_ids)


def truncations(model: LoadedModel, params: Params) -> list[str]:
    """What to tell the user about prompts that are longer than the model reads."""
    most = model.key.files.text_tokens
    prompts = {"prompt": params.prompt}
    if uses_negative(params):
        prompts["negative prompt"] = params.negative_prompt
    counts = {name: token_count(model, text) for name, text in prompts.items()}
    return [
        f"the {name} was cut: {most} of its {count} tokens were used"
        for name, count in counts.items()
        if count > most
    ]


def encode(
    model: LoadedModel, params: Params, stop: StopFlag, kept: Embeddings | None = None
) -> PromptEmbeddings:
    """Both prompts, each padded to the model's length with zeros.

    The encoder is needed, and loaded, only for one that is not `kept`. Raises GenerationFailed for
    numbers that are not finite.
    """
    dtype = DTYPES[model.key.dtype]
    positive = _embedded(model, params.prompt, stop, kept).to(dtype)
    negative = None
    if uses_negative(params):
        negative = _embedded(model, params.negative_prompt, stop, kept).to(dtype)
    return PromptEmbeddings(positive, negative)


def _embedded(model: LoadedModel, prompt: str, stop: StopFlag, kept: Embeddings | None) -> Tensor:
    text = prompt_clean(prompt)
    states = kept.get(text) if kept else None
    if states is None:
        stop.check()
        states = _encoded(model, text, stop)
        if not torch.isfinite(states).all():
            raise GenerationFailed("encoding the prompt made numbers that are not finite")
        if kept:
            kept.put(text, states)
    return padded(states.to(model.device), model.key.files.text_tokens)


def _encoded(model: LoadedModel, text: str, stop: StopFlag) -> Tensor:
    """(1, tokens, text_dim) of a clean prompt, without padding.

    It is padded all the same while it is encoded: fewer positions have other bits.
    """
    tokens = model.tokenizer(
        [text],
        padding="max_length",
        max_length=model.key.files.text_tokens,
        truncation=True,
        add_special_tokens=True,
        return_attention_mask=True,
        return_tensors="pt",
    )
    mask = tokens.attention_mask.to(model.device)
    model.placement.bring("text_encoder")
    encoder = model.text_encoder
    with stop.guard(encoder.encoder.block):
        states: Tensor = encoder(tokens.input_ids.to(model.device), mask).last_hidden_state
    return states[:, : int(tokens.attention_mask.sum())]
