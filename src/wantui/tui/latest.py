"""Work of which only the latest counts."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, ParamSpec

from textual.dom import DOMNode
from textual.worker import Worker

P = ParamSpec("P")


def run_latest(
    node: DOMNode,
    group: str,
    task: Callable[P, Coroutine[Any, Any, None]],
    *arguments: P.args,
    **options: P.kwargs,
) -> None:
    """Run it in the place of what the node runs in this group.

    The coroutine is made when its turn comes: one that is made now, and replaced before it began,
    was never awaited, which Python warns of.
    """
    _: Worker[None] = node.run_worker(
        partial(task, *arguments, **options), group=group, exclusive=True
    )
