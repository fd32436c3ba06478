"""The quadrature along the colatitude that a forward transform uses."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class ColatitudeQuadrature:
    """Nodes and weights in colatitude, and the resampling from the rings of a grid to the nodes.

    Let F_m(theta_j) = sum over k of f(theta_j, phi_k) exp(-i m phi_k) be the Fourier sums along
    ring j. The coefficients of a field f of spin s are

      a_lm = sum over nodes n of w_n sYlm(theta_n, 0) sum over rings j of R[n, j] F_m(theta_j).

    R is the identity if `resampling` is None, else `resampling[(m + s) % 2]`.

    Attributes:
      colatitudes: theta_n in radians, shape (nodes,), increasing from the north pole.
      weights: w_n, shape (nodes,). They apply to single samples: the weight in colatitude times
        2 pi / long.
      resampling: None if the nodes are the rings of the grid. Otherwise two matrices of shape
        (nodes, lat), the first for even m + s, the second for odd m + s.
    """

    colatitudes: np.ndarray
    weights: np.ndarray
    resampling: tuple[np.ndarray, np.ndarray] | None = None
