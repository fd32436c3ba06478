"""A product with a constant table, whose transpose leaves the data in the order it came in."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from sphere_transforms.linear_operator import apply_linear


def contract(
    subscripts: str, table: jax.Array, data: jax.Array, precision: jax.lax.Precision
) -> jax.Array:
    """einsum(subscripts, table, data), linear in real `data`; no derivative by `table`.

    Args:
      subscripts: as "mlj,mjbc->mlbc". An index of the table stands in the data or in the result;
        an index of the data alone is kept.
      table: a real constant.
      data: real, of the table's dtype.
      precision: of the matrix product.

    Returns:
      The contraction, axes in the order asked for.
    """
    return apply_linear(Contraction(subscripts, precision), table, data)


@dataclasses.dataclass(frozen=True)
class Contraction:
    """The linear operator of `contract`."""

    subscripts: str
    precision: jax.lax.Precision

    def __call__(self, tables: jax.Array, data: jax.Array) -> jax.Array:
        """The einsum; axes that the data has besides are kept at the end."""
        operands, result = self.subscripts.split("->")
        return jnp.einsum(f"{operands}...->{result}...", tables, data, precision=self.precision)

    @property
    def transpose(self) -> Contraction:
        """The einsum with the data's and the result's indices exchanged."""
        operands, result = self.subscripts.split("->")
        table, data = operands.split(",")
        return Contraction(f"{table},{result}->{data}", self.precision)
