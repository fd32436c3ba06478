"""McEwen and Wiaux's grid."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from sphere_transforms.grids.arguments import whole_number
from sphere_transforms.grids.colatitude_quadrature import ColatitudeQuadrature
from sphere_transforms.grids.constants import read_only
from sphere_transforms.grids.gauss_legendre_rule import gauss_legendre_rule
from sphere_transforms.grids.ring_grid import RingGrid


@dataclasses.dataclass(frozen=True)
class McEwenWiauxGrid(RingGrid):
    """The L x (2 L - 1) grid of theta_j = pi (2 j + 1) / (2 L - 1), phi_k = 2 pi k / (2 L - 1).

    The equiangular grid with the fewest samples that carries degrees ell < L exactly. The last ring
    is the south pole. What is exact is not a sum over the rings: a field's Fourier modes along the
    longitude, continued past the poles, are trigonometric polynomials in theta of degree L - 1, so
    the rings determine them everywhere, and `analysis` evaluates them at Gauss-Legendre nodes
    first. ducc0 calls the grid "MW", s2fft "mw".

    Attributes:
      band_limit: L, at least 1.

    Raises:
      ValueError: the band limit is too small, or not a whole number.

    Reference: McEwen and Wiaux (2011), arXiv 1110.6298, section III.
    """

    band_limit: int

    def __post_init__(self) -> None:
        band_limit = whole_number(
            self.band_limit,
            "McEwenWiauxGrid: band_limit",
            least=1,
            advice=", for example 32 (a grid of 32 x 63).",
        )
        object.__setattr__(self, "band_limit", band_limit)

    @property
    def shape(self) -> tuple[int, int]:
        """(L, 2 L - 1): colatitudes, longitudes."""
        return self.band_limit, 2 * self.band_limit - 1

    @property
    def symmetric(self) -> bool:
        """False: there is a south pole and no north pole."""
        return False

    @functools.cached_property
    def colatitudes(self) -> np.ndarray:
        """theta_j = pi (2 j + 1) / (2 L - 1), shape (L,)."""
        # The quotient first: the last ring is at pi, not a rounding error beyond it.
        return read_only(np.pi * ((2 * np.arange(self.band_limit) + 1) / self.shape[1]))

    @functools.cached_property
    def quadrature_weights(self) -> np.ndarray:
        """Weight of one sample, shape (L,).

        Exact for the integral of one field of spin 0 and degree ell < L, not of a product of two,
        so not for coefficients: those take `analysis`.

        Reference: McEwen and Wiaux (2011), section III; integrals of sin(theta) cos(p theta), 2 /
        (1 - p^2) for even p, against the trigonometric polynomial through the rings.
        """
        size = 2 * self.band_limit - 1
        order = np.arange(2, self.band_limit, 2)
        series = 2 + 2 * np.cos(np.outer(self.colatitudes, order)) @ (2 / (1.0 - order**2))
        # Every ring but the pole also stands for its mirror image on the torus.
        series[:-1] *= 2
        return read_only(series / size * 2 * np.pi / size)

    @functools.cached_property
    def analysis(self) -> ColatitudeQuadrature:
        """L Gauss-Legendre nodes, and the trigonometric interpolation to them from the rings.

        sYlm(-theta, 0) = (-1)^(m+s) sYlm(theta, 0) tells how a Fourier mode continues past a pole.
        """
        size = 2 * self.band_limit - 1
        nodes, weights = gauss_legendre_rule(self.band_limit)
        direct = _interpolation(size, nodes[:, None] - self.colatitudes)
        mirror = _interpolation(size, nodes[:, None] + self.colatitudes)
        # The pole is its own mirror image; where m + s is odd, a field's mode vanishes there.
        mirror[:, -1] = 0
        even, odd = direct + mirror, direct - mirror
        odd[:, -1] = 0
        return ColatitudeQuadrature(
            read_only(nodes),
            read_only(weights * 2 * np.pi / size),
            (read_only(even), read_only(odd)),
        )


def _interpolation(size: int, angle: np.ndarray) -> np.ndarray:
    """The 2 pi-periodic polynomial that is 1 at 0 and 0 at the other multiples of 2 pi / size."""
    half = angle / 2
    sine = np.sin(half)
    at_sample = sine == 0
    return np.where(at_sample, 1.0, np.sin(size * half) / (size * np.where(at_sample, 1.0, sine)))
