"""The grid of McEwen and Wiaux."""

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

    This is the equiangular grid with the fewest samples that represents degrees ell < L exactly.
    The last ring is the south pole.

    No quadrature on the rings themselves is exact for the coefficients. But the Fourier modes of a
    field along the longitude, continued past the poles, are trigonometric polynomials in theta of
    degree L - 1, and the rings determine them. `analysis` first interpolates them to Gauss-Legendre
    nodes, where the quadrature is exact. ducc0 calls the grid "MW", s2fft "mw".

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

    @functools.cached_property
    def colatitudes(self) -> np.ndarray:
        """theta_j = pi (2 j + 1) / (2 L - 1), shape (L,)."""
        # Compute the quotient first: then the last ring is exactly at pi.
        return read_only(np.pi * ((2 * np.arange(self.band_limit) + 1) / self.shape[1]))

    @functools.cached_property
    def quadrature_weights(self) -> np.ndarray:
        """Weight of one sample, shape (L,).

        They integrate a field of spin 0 and degrees ell < L exactly, but not the product of two
        such fields. Coefficients are integrals of products, and use `analysis` instead.

        Reference: McEwen and Wiaux (2011), section III. The weights integrate the trigonometric
        polynomial through the rings; the integral of sin(theta) cos(p theta) is 2 / (1 - p^2) for
        even p.
        """
        size = 2 * self.band_limit - 1
        order = np.arange(2, self.band_limit, 2)
        series = 2 + 2 * np.cos(np.outer(self.colatitudes, order)) @ (2 / (1.0 - order**2))
        # Every ring except the pole also represents its mirror image on the torus.
        series[:-1] *= 2
        return read_only(series / size * 2 * np.pi / size)

    @functools.cached_property
    def analysis(self) -> ColatitudeQuadrature:
        """L Gauss-Legendre nodes, and the trigonometric interpolation from the rings to the nodes.

        The identity sYlm(-theta, 0) = (-1)^(m+s) sYlm(theta, 0) continues a Fourier mode past a
        pole.
        """
        size = 2 * self.band_limit - 1
        nodes, weights = gauss_legendre_rule(self.band_limit)
        direct = _interpolation(size, nodes[:, None] - self.colatitudes)
        mirror = _interpolation(size, nodes[:, None] + self.colatitudes)
        # The pole is its own mirror image. For odd m + s the Fourier mode vanishes there.
        mirror[:, -1] = 0
        even, odd = direct + mirror, direct - mirror
        odd[:, -1] = 0
        return ColatitudeQuadrature(
            read_only(nodes),
            read_only(weights * 2 * np.pi / size),
            (read_only(even), read_only(odd)),
        )

    def coarser(self) -> McEwenWiauxGrid:
        """The grid of half the band limit.

        Raises:
          ValueError: the band limit is odd.
        """
        if self.band_limit % 2:
            raise ValueError(
                f"{self!r} has no coarser grid: its band limit is odd, and cannot be halved."
            )
        return McEwenWiauxGrid(self.band_limit // 2)


def _interpolation(size: int, angle: np.ndarray) -> np.ndarray:
    """The trigonometric polynomial that is 1 at 0, and 0 at other multiples of 2 pi / size."""
    half = angle / 2
    sine = np.sin(half)
    at_sample = sine == 0
    return np.where(at_sample, 1.0, np.sin(size * half) / (size * np.where(at_sample, 1.0, sine)))
