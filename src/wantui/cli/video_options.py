"""Options that say what a video is to be, and when: of every verb that asks for one."""

from __future__ import annotations

from typing import Annotated

import typer

Model = Annotated[str | None, typer.Option(help="A model of `wantui ls`.")]
Negative = Annotated[str | None, typer.Option(help="What not to show.")]
Size = Annotated[str | None, typer.Option(metavar="WxH", help="In pixels.")]
Frames = Annotated[int | None, typer.Option(help="How many.")]
Fps = Annotated[int | None, typer.Option(help="Frames a second.")]
Steps = Annotated[int | None, typer.Option(help="Denoising steps.")]
Guidance = Annotated[
    str | None,
    typer.Option(metavar="HIGH[,LOW]", help="How closely to follow the prompt, per expert."),
]
Shift = Annotated[float | None, typer.Option(help="Of the noise schedule.")]
Sampler = Annotated[str | None, typer.Option(metavar="NAME", help="unipc, dpm++ or euler.")]
Seed = Annotated[int | None, typer.Option(help="The same seed, the same video.")]
Quality = Annotated[str | None, typer.Option(help="`faithful`, or a fast way that is not.")]
Codec = Annotated[str | None, typer.Option(help="h264, h265 or av1.")]
Crf = Annotated[int | None, typer.Option(help="The codec's quality; 0 is best.")]
Priority = Annotated[
    int | None, typer.Option(help="-100 to 100: run before all jobs of a lower one.")
]
Label = Annotated[str | None, typer.Option(help="A word to find jobs by.")]
StartAt = Annotated[
    str | None, typer.Option(metavar="TIME|+2h", help="Not before; 18:30, or a date and time.")
]
Hold = Annotated[bool, typer.Option("--hold", help="Queue it; run it once released.")]
