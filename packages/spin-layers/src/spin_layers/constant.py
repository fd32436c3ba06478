"""Constants of a layer: neither learned nor saved, but arguments of the compiled step."""

from __future__ import annotations

from flax import nnx


class Constant(nnx.Variable):
    """Holds a constant array or pytree of a module, such as a transform's tables.

    `nnx.split(model, nnx.Param, nnx.BatchStat, ...)` returns these in the last part, so that a
    jitted function can take them as arguments and a checkpoint can leave them out.
    """
