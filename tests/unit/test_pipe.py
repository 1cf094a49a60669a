"""The wire between the daemon and its processes."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from wantui.api.error import ErrorBody
from wantui.api.job import Output, Params, Sampler, Stage, Timings
from wantui.api.plan import DType, Plan, Residency
from wantui.api.video import Codec, Encoding
from wantui.pipe.file import KnownFile, StatKey
from wantui.pipe.framing import MAX_LINE_BYTES, decode_order, decode_report, encode
from wantui.pipe.messages import (
    Began,
    Checkpointed,
    Completed,
    EmbeddingCache,
    Exit,
    Failed,
    Generate,
    Heartbeat,
    Load,
    Loaded,
    LoadEnded,
    ModelFiles,
    Order,
    Previewed,
    Ready,
    Report,
    Step,
    Stop,
    Stopped,
    Unloaded,
    Warned,
)
from wantui.pipe.preview import LatentRgb, PreviewOrder, Projection

TEXT = st.text(st.characters(codec="utf-8"))


def generate(prompt: str = "a cat", seed: int = 7) -> Generate:
    return Generate(
        job=1,
        attempt=1,
        weights=ModelFiles(
            model="demo",
            folder="/w",
            pipeline="WanPipeline",
            expand_timesteps=True,
            text_tokens=64,
            files=(KnownFile(path="/w/a", key=StatKey(2, 3, 1, 2**60, 0), digest="ab"),),
        ),
        plan=Plan(
            device="cpu",
            device_name="CPU",
            dtype=DType.FLOAT32,
            residency=Residency.RESIDENT,
            weights_bytes=1,
            device_bytes=1,
            device_total_bytes=2,
            reason="it fits",
        ),
        params=Params(
            prompt=prompt,
            negative_prompt="",
            width=128,
            height=128,
            frames=17,
            fps=8,
            steps=20,
            guidance=5.0,
            guidance_low=None,
            shift=5.0,
            boundary=None,
            sampler=Sampler.UNIPC,
            seed=seed,
            image=None,
        ),
        quality="faithful",
        image=None,
        output="/o.mp4",
        checkpoint="/w/checkpoint",
        checkpoint_every_s=2.0,
        embeddings=EmbeddingCache(folder="/e", most_bytes=1),
        encoding=Encoding(codec=Codec.AV1, crf=24, preset="8", png=True),
        thumbnail="/t.webp",
        proxy="/x.webp",
        frames_folder="/f",
        preview=PreviewOrder(
            path="/p.webp",
            latent_rgb=LatentRgb(
                rest=Projection(factors=((0.1, -0.2, 0.3),) * 2, bias=(0.0, 1.0, -1.0))
            ),
            frames=6,
            per_second=0.5,
        ),
        provenance="/p.json",
        log="/l",
    )


OUTPUT = Output(
    path="/o.mp4", bytes=1, sha256="a", frames_sha256="b", width=1, height=1, frames=1, fps=1
)
TIMINGS = Timings(load_s=0.1, encode_s=0.2, denoise_s=1 / 3, decode_s=0.4, write_s=0.5)
ERROR = ErrorBody(code="out_of_memory", message="m", hint="h", detail={"needed": 2**40})
ORDERS: tuple[Order, ...] = (
    generate(),
    Load(weights=generate().weights, plan=generate().plan),
    Stop(job=1),
    Exit(),
)
REPORTS: tuple[Report, ...] = (
    Ready(pid=1, torch="2", diffusers="0", device="cpu"),
    Heartbeat(stage=Stage.DENOISE, step=3, of=20, waited_s=0.5),
    LoadEnded(error=ERROR, ends=True),
    Loaded(model="demo", parameters=1, seconds=0.1),
    Unloaded(model="demo"),
    Step(job=1, stage=Stage.DENOISE, step=1, of=20),
    Began(job=1, step=3),
    Checkpointed(job=1, step=4),
    Previewed(job=1, rev=3),
    Warned(job=1, code="c", message="m"),
    Completed(job=1, output=OUTPUT, timings=TIMINGS, peaks=()),
    Stopped(job=1),
    Failed(job=1, error=ERROR, ends=True),
)


def test_the_samples_here_are_every_order_and_every_report() -> None:
    assert {type(order) for order in ORDERS} == set(get_args(Order))
    assert {type(report) for report in REPORTS} == set(get_args(Report))


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order.kind)
def test_an_order_arrives_as_it_was_sent(order: Order) -> None:
    assert decode_order(encode(order)) == order


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.kind)
def test_a_report_arrives_as_it_was_sent(report: Report) -> None:
    assert decode_report(encode(report)) == report


@given(TEXT, st.integers(0, 2**63 - 1))
def test_a_message_is_one_line_whatever_the_prompt_holds(prompt: str, seed: int) -> None:
    order = generate(prompt, seed)
    line = encode(order)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode_order(line) == order


def test_the_longest_prompts_fit_in_a_line() -> None:
    assert len(encode(generate("\x01" * 20_000))) < MAX_LINE_BYTES


@given(st.binary(max_size=60) | TEXT.map(str.encode))
def test_noise_is_refused_as_noise(line: bytes) -> None:
    for decode in (decode_order, decode_report):
        with pytest.raises(ValidationError):
            decode(line)


def test_a_report_is_no_order_and_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValidationError):
        decode_order(encode(REPORTS[0]))
    with pytest.raises(ValidationError):
        decode_order(b'{"kind": "stop", "job": 1, "really": true}')
    with pytest.raises(ValidationError):
        decode_order(b"[" * 100_000)


def test_every_message_is_frozen() -> None:
    messages: tuple[BaseModel, ...] = (*ORDERS, *REPORTS)
    assert all(message.model_config.get("frozen") for message in messages)
