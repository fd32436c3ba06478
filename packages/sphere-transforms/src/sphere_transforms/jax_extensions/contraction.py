"""Contraction with a constant table; its transpose does not permute the axes of the data."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from sphere_transforms.jax_extensions.linear_operator import apply_linear


def contract(
    subscripts: str, table: jax.Array, data: jax.Array, precision: jax.lax.Precision
) -> jax.Array:
    """Computes einsum(subscripts, table, data), linear in the real array `data`.

    It is not differentiable with respect to `table`.

    Args:
      subscripts: for example "mlj,mjbc->mlbc". Every index of the table must occur in the data or
        in the result. An index of the data that the table lacks must occur in the result.
      table: a real constant.
      data: real, with the dtype of the table.
      precision: the precision of the matrix product.

    Returns:
      The contraction, with axes in the order of the subscripts.
    """
    return apply_linear(Contraction(subscripts, precision), table, data)


@dataclasses.dataclass(frozen=True)
class Contraction:
    """The linear operator of `contract`."""

    subscripts: str
    precision: jax.lax.Precision

    def __call__(self, tables: jax.Array, data: jax.Array) -> jax.Array:
        """Computes the einsum. Additional axes at the end of the data are kept at the end."""
        operands, result = self.subscripts.split("->")
        return jnp.einsum(f"{operands}...->{result}...", tables, data, precision=self.precision)

    @property
    def transpose(self) -> Contraction:
        """The einsum with the indices of the data and of the result exchanged."""
        operands, result = self.subscripts.split("->")
        table, data = operands.split(",")
        return Contraction(f"{table},{result}->{data}", self.precision)
