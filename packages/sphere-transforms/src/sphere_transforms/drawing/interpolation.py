"""Fast approximate interpolation of a sampled field, for drawings.

For exact values of a band-limited field, sum its coefficients times `spin_spherical_harmonics`.
"""

from __future__ import annotations

import numpy as np

from sphere_transforms.grids import Grid, unit_vectors


def interpolate(
    values: np.ndarray,
    grid: Grid,
    spin: int,
    theta: np.ndarray,
    phi: np.ndarray,
    *,
    nearest: bool = False,
) -> np.ndarray:
    """Interpolates bilinearly between the two nearest rings and along each ring, also at the poles.

    A value of nonzero spin refers to the theta and phi directions at its sample. These directions
    differ from sample to sample, most of all near the poles. Each value is therefore transported
    to the point along the great circle before the values are averaged.

    Args:
      values: one channel of a field, real or complex, shape grid.shape.
      grid: any grid of rings, from north to south, with equal steps in longitude on each ring.
      spin: the spin weight.
      theta: colatitudes in radians, shape (points,).
      phi: longitudes in radians, shape (points,).
      nearest: return the sample of largest weight instead of the weighted mean.

    Returns:
      Shape (points,), float64; complex128 if the values are complex or the spin is not zero.
    """
    flat_values = np.asarray(values).ravel()
    sample_theta, sample_phi = (np.ravel(angle) for angle in grid.points)
    index, weight = _stencil(sample_theta, sample_phi, theta, phi)
    if nearest:
        best = np.argmax(weight, axis=1)[:, None]
        index, weight = np.take_along_axis(index, best, 1), np.ones((len(index), 1))
    at_samples = flat_values[index]
    if spin:
        phase = _transport_phase(
            sample_theta[index], sample_phi[index], theta[:, None], phi[:, None]
        )
        at_samples = at_samples * phase**spin
    return (weight * at_samples).sum(axis=1)


def _stencil(
    sample_theta: np.ndarray, sample_phi: np.ndarray, theta: np.ndarray, phi: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The indices and the weights of four samples for each point, both of shape (points, 4)."""
    starts = np.flatnonzero(np.diff(sample_theta, prepend=-1.0) > 1e-9)
    lengths = np.diff(starts, append=sample_theta.size)
    rings, last = sample_theta[starts], len(starts) - 1
    # Beyond the first and the last ring, use the same ring again, on the other side of the pole.
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


def _transport_phase(
    theta: np.ndarray, phi: np.ndarray, to_theta: np.ndarray, to_phi: np.ndarray
) -> np.ndarray:
    """exp(i angle): the change of v_theta + i v_phi when a tangent vector is moved to a point."""
    start, southward, _ = unit_vectors(theta, phi)
    end, end_southward, end_eastward = unit_vectors(to_theta, to_phi)
    # Parallel transport along the great circle reverses the component along start + end.
    along = (southward * end).sum(-1) / np.maximum(1 + (start * end).sum(-1), 1e-12)
    carried = southward - along[..., None] * (start + end)
    components = (carried * end_southward).sum(-1) + 1j * (carried * end_eastward).sum(-1)
    return components / np.maximum(np.abs(components), 1e-12)
