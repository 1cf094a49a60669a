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
from wantui.worker.load import LoadedModel
from wantui.worker.stop import StopFlag


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


def encode(model: LoadedModel, params: Params, stop: StopFlag) -> PromptEmbeddings:
    """Both prompts, one after the other, each padded to the model's length with zeros."""
    model.placement.bring("text_encoder")
    dtype = model.transformer.dtype
    with stop.guard(model.text_encoder.encoder.block):
        positive = _embed(model, params.prompt).to(dtype)
        negative = None
        if uses_negative(params):
            negative = _embed(model, params.negative_prompt).to(dtype)
    return PromptEmbeddings(positive, negative)


def _embed(model: LoadedModel, text: str) -> Tensor:
    tokens = model.tokenizer(
        [prompt_clean(text)],
        padding="max_length",
        max_length=model.key.files.text_tokens,
        truncation=True,
        add_special_tokens=True,
        return_attention_mask=True,
        return_tensors="pt",
    )
    mask = tokens.attention_mask.to(model.device)
    states: Tensor = model.text_encoder(tokens.input_ids.to(model.device), mask).last_hidden_state
    return torch.where(mask.unsqueeze(-1) > 0, states, states.new_zeros(()))
