"""Values of a sampled field between its samples, for pictures: fast, smooth, and not exact.

Exact values of a band-limited field are those of its coefficients, with `spin_spherical_harmonics`.
"""

from __future__ import annotations

import numpy as np

from sphere_transforms.grids import Grid


def interpolate(
    values: np.ndarray,
    grid: Grid,
    spin: int,
    theta: np.ndarray,
    phi: np.ndarray,
    *,
    nearest: bool = False,
) -> np.ndarray:
    """Bilinear interpolation between the two nearest rings, and along each; across the poles too.

    A value of nonzero spin refers to the directions of theta and phi where it stands, which differ
    from one sample to the next, infinitely so at the poles. So it is carried to the point along the
    great circle before it is averaged.

    Args:
      values: of one map, real or complex, shape grid.shape.
      grid: any whose samples lie on rings of equal steps in longitude, from north to south.
      spin: their spin weight.
      theta: colatitudes in radians, shape (points,).
      phi: longitudes in radians, shape (points,).
      nearest: take the sample of largest weight instead of the average.

    Returns:
      Shape (points,), of the values' dtype, in float64 or complex128.
    """
    flat_values = np.asarray(values).ravel()
    sample_theta, sample_phi = (np.ravel(angle) for angle in grid.points)
    index, weight = _stencil(sample_theta, sample_phi, theta, phi)
    if nearest:
        best = np.argmax(weight, axis=1)[:, None]
        index, weight = np.take_along_axis(index, best, 1), np.ones((len(index), 1))
    at_samples = flat_values[index]
    if spin:
        turn = _turn_of_frames(sample_theta[index], sample_phi[index], theta[:, None], phi[:, None])
        at_samples = at_samples * turn**spin
    return (weight * at_samples).sum(axis=1)


def _stencil(
    sample_theta: np.ndarray, sample_phi: np.ndarray, theta: np.ndarray, phi: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Indices of four samples for each point and their weights, both of shape (points, 4)."""
    starts = np.flatnonzero(np.diff(sample_theta, prepend=-1.0) > 1e-9)
    lengths = np.diff(starts, append=sample_theta.size)
    rings, last = sample_theta[starts], len(starts) - 1
    # Beyond the first and the last ring comes the same ring again, on the other side of the pole.
    beyond = np.concatenate([[-rings[0]], rings, [2 * np.pi - rings[-1]]])
    upper = np.clip(np.searchsorted(beyond, theta, side="right") - 1, 0, last + 1)
    gap = beyond[upper + 1] - beyond[upper]
    share = np.divide(theta - beyond[upper], gap, out=np.zeros_like(theta), where=gap > 1e-9)
    indices, weights = [], []
    for place, ring_weight in ((upper, 1 - share), (upper + 1, share)):
        ring = np.clip(place - 1, 0, last)
        across = (place == 0) | (place == last + 2)
        step = 2 * np.pi / lengths[ring]
        position = ((phi + np.pi * across - sample_phi[starts[ring]]) / step) % lengths[ring]
        left = np.floor(position)
        for column, weight in ((left, left + 1 - position), (left + 1, position - left)):
            indices.append(starts[ring] + column.astype(int) % lengths[ring])
            weights.append(ring_weight * weight)
    return np.stack(indices, axis=1), np.stack(weights, axis=1)


def _turn_of_frames(
    theta: np.ndarray, phi: np.ndarray, to_theta: np.ndarray, to_phi: np.ndarray
) -> np.ndarray:
    """exp(i angle) by which a tangent vector's v_theta + i v_phi turns on its way to a point."""
    start, southward, _ = unit_vectors(theta, phi)
    end, end_southward, end_eastward = unit_vectors(to_theta, to_phi)
    # Parallel transport along the great circle: the part along start + end is mirrored.
    along = (southward * end).sum(-1) / np.maximum(1 + (start * end).sum(-1), 1e-12)
    carried = southward - along[..., None] * (start + end)
    turn = (carried * end_southward).sum(-1) + 1j * (carried * end_eastward).sum(-1)
    return turn / np.maximum(np.abs(turn), 1e-12)


def unit_vectors(theta: np.ndarray, phi: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The point, and the unit vectors of increasing theta and phi there, each (..., 3)."""
    theta, phi = np.broadcast_arrays(theta, phi)
    (s, c), (sp, cp) = ((np.sin(angle), np.cos(angle)) for angle in (theta, phi))
    return (
        np.stack([s * cp, s * sp, c], axis=-1),
        np.stack([c * cp, c * sp, -s], axis=-1),
        np.stack([-sp, cp, np.zeros_like(sp)], axis=-1),
    )
