"""Which halves of a low-rank product go beside a layer: asked before a LoRA is kept, and again by
the worker that adds it.

Source: PEFT's `Linear` and `Conv3d` layers, whose shapes diffusers demands of a file.
"""

from __future__ import annotations

from typing import NamedTuple

Shape = tuple[int, ...]


class LayerSize(NamedTuple):
    """Of a linear layer or a convolution; a norm or a table has outputs alone."""

    outputs: int
    inputs: int = 1
    kernel: Shape = ()
    """Of a convolution."""

    def __str__(self) -> str:
        return " x ".join(map(str, self.weight))

    @property
    def weight(self) -> Shape:
        return (self.outputs, self.inputs, *self.kernel)

    def takes(self, down: Shape, up: Shape) -> bool:
        """Whether the product of these halves is one for this layer."""
        return self.takes_down(down) and self.takes_up(up) and down[0] == up[1]

    def takes_down(self, shape: Shape) -> bool:
        """Rank, inputs, and the kernel written out: flattened ones are not taken."""
        return self.inputs > 1 and shape[1:] == (self.inputs, *self.kernel)

    def takes_up(self, shape: Shape) -> bool:
        """Outputs, rank, and a kernel of one."""
        return (*shape[:1], *shape[2:]) == (self.outputs, *(1 for _ in self.kernel))
