"""Constant arrays of a layer, which a compiled function takes as arguments."""

from __future__ import annotations

from flax import nnx


class Buffer(nnx.Variable):
    """Holds a constant array or pytree of a module, such as a transform's tables.

    A buffer is neither trained nor saved. `nnx.split(model, nnx.Param, nnx.BatchStat, ...)` returns
    the buffers separately, as the last state. They can then be arguments of a jitted function, and
    checkpoints do not contain them.
    """
