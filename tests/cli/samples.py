"""Jobs as the daemon sends them, for what is drawn of them."""

from __future__ import annotations

from typing import Any

from wantui.api.job import Job


def job(**fields: Any) -> Job:
    """A queued demo job, with whatever else is wanted."""
    params: dict[str, Any] = {
        "prompt": "a red circle",
        "negative_prompt": "",
        "width": 128,
        "height": 128,
        "frames": 17,
        "fps": 8,
        "steps": 20,
        "guidance": 5.0,
        "guidance_low": None,
        "shift": 5.0,
        "boundary": None,
        "sampler": "unipc",
        "seed": 7,
        "image": None,
    }
    values: dict[str, Any] = {
        "id": 12,
        "rev": 1,
        "state": "queued",
        "model": "demo",
        "quality": "faithful",
        "params": params | fields.pop("params", {}),
        "owner": 0,
        "created_at": 1.0,
    }
    return Job.model_validate(values | fields)


def running(**progress: Any) -> Job:
    """The same job while it runs."""
    values = {"stage": "denoise", "step": 7, "of": 20, "fraction": 0.43, "eta_s": 12.0}
    return job(state="running", progress=values | progress)
