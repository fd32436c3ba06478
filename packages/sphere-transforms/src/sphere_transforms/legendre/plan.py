"""The static parameters of a product along the colatitude."""

from __future__ import annotations

import dataclasses

import jax

from sphere_transforms.legendre.symmetry import Symmetry


@dataclasses.dataclass(frozen=True)
class LegendrePlan:
    """The static parameters of a product: its Legendre functions and its direction.

    Attributes:
      band_limit: L.
      spin: s.
      symmetry: the symmetry of the functions, which determines the ones that are stored.
      node_count: number of colatitudes of the functions.
      to_degrees: True for the product from rings to degrees, False for its transpose.
      precision: the precision of the matrix products.
    """

    band_limit: int
    spin: int
    symmetry: Symmetry
    node_count: int
    to_degrees: bool
    precision: jax.lax.Precision
