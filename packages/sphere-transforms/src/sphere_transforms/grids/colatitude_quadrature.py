"""What an exact forward transform needs along the colatitude."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class ColatitudeQuadrature:
    """Nodes and weights in colatitude, and the way to the nodes from a grid's rings.

    With a ring's Fourier sums F_m(theta_j) = sum over k of f(theta_j, phi_k) exp(-i m phi_k), the
    coefficients of a field f of spin s are

      a_lm = sum over nodes n of w_n sYlm(theta_n, 0) sum over rings j of R[n, j] F_m(theta_j),

    where R is the identity if `resampling` is None, and else `resampling[(m + s) % 2]`.

    Attributes:
      colatitudes: theta_n in radians, shape (nodes,), increasing from the north pole.
      weights: w_n, shape (nodes,): of one sample, so the weight in colatitude times 2 pi / long.
      resampling: None where the nodes are the grid's rings; else two matrices of shape (nodes,
        lat), the first for even m + s, the second for odd.
    """

    colatitudes: np.ndarray
    weights: np.ndarray
    resampling: tuple[np.ndarray, np.ndarray] | None = None
