"""Small LoRAs for the demo: `lora.py NAME --work DIR`.

`diagonally` teaches it a motion that it does not know: it has never read the word, which its
tokenizer spells, nor seen a shape go down and to the right. Half of the clips do that; the others
do what it knows, so that it still can. `few-steps` teaches it to go in four steps without guidance
where it goes in many with (few_steps.py). All is kept in the folder --work, one for each, and goes
on from there when it is started again.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import diffusers
import fast
import few_steps
import pack
import torch
from clips import DIRECTIONS, NEW_DIRECTIONS
from course import Course, averaged
from flow import Lessons, Model
from latents import encode_clips, load
from parts import Part
from peft import LoraConfig
from safetensors.torch import save_file
from torch import Tensor, nn

SEED = 4711
RATE = 0.01
LORAS = Path(__file__).parent / "loras"
_ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
_LAYERS = (*_ATTENTION, "ffn.net.0.proj", "ffn.net.2")
_CLIPS = 500
_HALF_NEW = (*DIRECTIONS, *(len(DIRECTIONS) * tuple(NEW_DIRECTIONS)))
_WAYS = 320
_NAME = "lora"
_diffusers: Part = diffusers
Loss = Callable[[Model], Tensor]


def new_motion(work: Path, _model: Model, seed: int) -> Loss:
    vae = _diffusers.AutoencoderKLWan.from_pretrained(pack.WEIGHTS / "vae").float().eval()
    encode_clips(vae, work / "latents", _CLIPS, SEED, _HALF_NEW)
    return Lessons(load(work / "latents", vae), seed).loss


def fewer_steps(work: Path, model: Model, seed: int) -> Loss:
    few_steps.go(model, work / "ways", _WAYS, SEED)
    return few_steps.Stretches(work / "ways", seed).loss


class Subject(NamedTuple):
    """What a LoRA teaches, and how it is made."""

    begin: Callable[[Path, Model, int], Loss]
    """Is given the demo before the LoRA has any effect."""
    rank: int
    strength: float
    """That it is written at, so that it is right at a strength of 1."""


SUBJECTS = {
    "diagonally": Subject(new_motion, rank=4, strength=1.4),
    "few-steps": Subject(fewer_steps, rank=12, strength=1.0),
}


class Added(nn.Module):
    """The demo that ships, frozen, and a LoRA on it, which is all that is trained."""

    def __init__(self, rank: int) -> None:
        super().__init__()
        self.weights = nn.ParameterList()
        model = Model()
        model.load_state_dict(pack.unpack(pack.WEIGHTS)["transformer"])
        model.requires_grad_(requires_grad=False)
        config = LoraConfig(r=rank, lora_alpha=rank, target_modules=list(_LAYERS))
        model.transformer.add_adapter(config, adapter_name=_NAME)
        self.demo = (model,)  # in a tuple: no part of this module
        named = model.transformer.named_parameters()
        chosen = {name: weight for name, weight in named if weight.requires_grad}
        self.names = [f"transformer.{name.replace(f'.{_NAME}.', '.')}" for name in chosen]
        self.weights.extend(chosen.values())


def train(subject: Subject, work: Path, minutes: float) -> None:
    fast.make_linear_layers_fast()
    torch.manual_seed(SEED)
    added = Added(subject.rank)
    model, *_ = added.demo
    course = Course(_NAME, work, added, minutes, RATE)
    loss = subject.begin(work, model, SEED + course.step)
    torch.manual_seed(SEED + course.step)
    for _ in course.steps():
        course.learn(loss(model))


def write(subject: Subject, work: Path, path: Path) -> None:
    """As diffusers names its tensors, in half precision."""
    added = Added(subject.rank)
    added.load_state_dict(averaged(work, _NAME))
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = {}
    for name, weight in zip(added.names, added.weights, strict=True):
        strength = subject.strength if ".lora_B." in name else 1.0
        weights[name] = (weight.detach() * strength).half()
    save_file(weights, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=SUBJECTS)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=4.0, help="of the whole course")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    subject = SUBJECTS[arguments.name]
    train(subject, arguments.work, arguments.minutes)
    write(subject, arguments.work, LORAS / f"{arguments.name}.safetensors")


if __name__ == "__main__":
    main()
