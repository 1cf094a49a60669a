"""A model's weights on this disk are not as they must be."""

from __future__ import annotations

from wantui.errors.tree import WantuiError


class WeightsAbsent(WantuiError):
    code = "weights_absent"
    http_status = 409
    default_hint = "see: wantui ls"


class WeightsCorrupt(WantuiError):
    """Files are not what their publisher's digests or their own headers say. Detail: paths."""

    code = "weights_corrupt"
    http_status = 409
    default_hint = "run: wantui repair MODEL"


class WeightsInUse(WantuiError):
    """A worker has them loaded, a job waits for them, or they are to be kept."""

    code = "weights_in_use"
    http_status = 409
    default_hint = "see: wantui queue"


class CacheFull(WantuiError):
    """Converted weights would take more than the settings allow. Detail: needed, kept, allowed."""

    code = "cache_full"
    http_status = 409
    default_hint = "run: wantui prune, or raise [store] converted_bytes"
