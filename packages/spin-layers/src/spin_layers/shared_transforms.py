"""The transforms of a network: one for each grid, band limit and set of spins."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax

import sphere_transforms as st
from spin_layers.buffer import Buffer


class SharedTransforms:
    """Hands the blocks of a network the buffers of their transforms, the same to all who ask alike.

    Pass one object to all blocks of a network. The tables are then held once, on every device, and
    `flax.nnx.split` returns each of them once. A transform serves a block that needs fewer spins.
    """

    def __init__(self) -> None:
        """Starts without a transform."""
        self._buffers: dict[tuple[Any, ...], list[tuple[frozenset[int], Buffer]]] = {}

    def real_basis(
        self,
        grid: st.Grid,
        spins: Iterable[int],
        band_limit: int | None = None,
        *,
        precision: Any = jax.lax.Precision.HIGHEST,
    ) -> Buffer:
        """Returns the buffer of a `sphere_transforms.RealBasisTransform` that has the spins.

        Args:
          grid: the grid.
          spins: the spin weights that are needed.
          band_limit: L; None for the grid's.
          precision: the precision of the matrix products.

        Raises:
          ValueError: as for `sphere_transforms.RealBasisTransform`.
        """
        band_limit = grid.band_limit if band_limit is None else band_limit
        needed = frozenset(spins)
        key = (grid, band_limit, jax.lax.Precision(precision), jax.config.read("jax_enable_x64"))
        held = self._buffers.setdefault(key, [])
        for present, buffer in held:
            if needed <= present:
                return buffer
        buffer = Buffer(st.RealBasisTransform(grid, needed, band_limit, precision=precision))
        held.append((needed, buffer))
        return buffer
