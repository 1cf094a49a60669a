"""Whether an expert's blocks are compiled before they run: where that can be done, and pays.

It is decided by the video and the device alone, never by what was learned of them or by what is
free now: compiled blocks have other last bits, and the same job is to have the same.
"""

from __future__ import annotations

from dataclasses import replace

from wantui.api.job import Stage
from wantui.api.plan import Residency
from wantui.hardware.estimates.case import Case, Setup
from wantui.hardware.estimates.correction import Corrections
from wantui.hardware.estimates.seconds import stage_seconds

PAYS_AFTER_S = 60.0
"""Of denoising by plain blocks: a block takes 5 to 13 s to compile on an H200, and a fifth to an
eighth of the denoising is saved."""


def compiles(case: Case) -> bool:
    """LoRAs and quantised layers are left as they are: what they add is not traced."""
    if not case.site.compiles or case.recipe.architecture is None:
        return False
    if case.recipe.is_quantised or case.video.lora_bytes:
        return False
    plain = replace(case, compiled=False, corrections=Corrections())
    denoising = stage_seconds(plain, Setup(Residency.RESIDENT), Stage.DENOISE)
    return denoising.likely >= PAYS_AFTER_S
