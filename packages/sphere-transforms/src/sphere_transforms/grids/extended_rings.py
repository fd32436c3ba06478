"""Exact quadrature on equiangular rings by an extension over the poles.

The Fourier modes F_m(theta) of a field of degrees below L continue over the poles, with the sign
(-1)^(m+s), to trigonometric polynomials of degree L - 1 on the whole circle. The rings and their
mirror images are equally spaced on this circle. If there are N > 2 (L - 1) of them, they determine
F_m. A coefficient is

  a_lm = 2 pi integral of F_m T_lm sin(theta) over [0, pi]
       = pi integral of F_m T_lm |sin(theta)| over the circle.

T_lm has the degree L - 1 too, so only the components of F_m |sin(theta)| up to this degree matter.
G_m, the trigonometric polynomial with these components, times T_lm has a degree below N, and the
mean over the N points integrates it exactly. The map from F_m to G_m on the rings is a matrix: the
`resampling` of a `ColatitudeQuadrature`. Its nodes are the rings themselves.

Reference: McEwen and Wiaux (2011), arXiv 1110.6298, section III, from where the extension and the
integrals of |sin(theta)| come. They divide the work between rings and degrees in another way.
"""

from __future__ import annotations

import numpy as np

from sphere_transforms.grids.colatitude_quadrature import ColatitudeQuadrature
from sphere_transforms.grids.constants import read_only

# Numbers per block of columns whose Fourier series are held at a time.
_BLOCK = 2**22


def extended_quadrature(
    colatitudes: np.ndarray, longitude_count: int, *, poles: bool
) -> ColatitudeQuadrature:
    """The exact quadrature for equiangular rings.

    Args:
      colatitudes: theta_j, shape (lat,): with both poles, or at cell centres.
      longitude_count: samples of each ring.
      poles: whether the first and the last ring are the poles.

    Returns:
      A quadrature at the rings, exact for L <= lat - 1 with poles and for L <= lat without.
    """
    count = colatitudes.size
    circle = 2 * (count - 1) if poles else 2 * count
    images = np.full(count, 2.0)
    if poles:
        images[[0, -1]] = 1
    weights = images * (np.pi / circle) * (2 * np.pi / longitude_count)
    even, odd = (_times_sine(count, circle, poles, sign) for sign in (1, -1))
    return ColatitudeQuadrature(colatitudes, read_only(weights), (read_only(even), read_only(odd)))


def _times_sine(count: int, circle: int, poles: bool, sign: int) -> np.ndarray:
    """The matrix from F to G on the rings, if F at -theta is F at theta times the sign."""
    # On `fine` points, products of the components up to circle / 2 with those of the sine up to
    # `circle` do not fold back onto the components up to circle / 2.
    fine = 2 * circle + 2
    half = circle // 2
    order = np.arange(0, circle + 1, 2)
    spectrum = np.zeros(fine // 2 + 1)
    spectrum[order] = 2 / np.pi / (1.0 - order**2)
    sine = np.fft.irfft(spectrum * fine, fine)
    # Points begin at theta = 0 with poles, and half a step later without.
    shift = np.exp(-1j * np.arange(half + 1) * (0.0 if poles else np.pi / circle))
    result = np.empty((count, count))
    width = max(1, _BLOCK // fine)
    for first in range(0, count, width):
        columns = np.arange(first, min(first + width, count))
        samples = np.zeros((circle, columns.size))
        images = -columns % circle if poles else circle - 1 - columns
        samples[images, columns - first] = sign
        samples[columns, columns - first] = 1
        if poles and sign < 0:
            samples[:, (columns == 0) | (columns == count - 1)] = 0
        components = np.fft.rfft(samples, axis=0) * shift[:, None]
        # The highest component stands for both signs of its order.
        components[half] /= 2
        product = np.fft.irfft(components, fine, axis=0) * (fine / circle) * sine[:, None]
        components = np.fft.rfft(product, axis=0)[: half + 1] * np.conj(shift)[:, None]
        components[half] = 2 * components[half].real
        on_circle = np.fft.irfft(components, circle, axis=0) * (circle / fine)
        result[:, columns] = on_circle[:count]
    return result
