"""Compares digits rotated before sampling with digits whose coefficients are rotated.

Usage: python tools/measure_rotation.py [--images 500] [--resolutions 64 128 256]
(MNIST from SPIN_MNIST_DIR, or downloaded into a temporary folder)

The dataset `rotated` contains digits that are rotated before sampling. `augment_rotation` rotates
the coefficients of `canonical` digits. The results are equal for band-limited fields, but digits
are not band-limited. The tool prints the norm of the difference over the sphere, relative to the
norm of the field: the median and the 95th percentile over the images. "lost" is the error of a
forward and an inverse transform without a rotation, which remove all degrees at and above the band
limit.
"""

from __future__ import annotations

import argparse
import tempfile

import numpy as np

import sphere_transforms as st
from spherical_mnist import mnist_files
from spin_data import project_gradients, project_images, sample_scalar, sample_vector


def main() -> None:
    """Prints a row for values and one for gradients at each resolution."""
    parser = argparse.ArgumentParser(description="Compares rotated data and rotated coefficients.")
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--resolutions", type=int, nargs="+", default=[64, 128, 256])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        images = mnist_files.read_mnist(None, folder)["test"][0][: arguments.images] / 255
    angles = st.random_euler_angles(np.random.default_rng(0), (len(images),))
    print("| field | grid | difference, median | 95th percentile | lost, median |")
    print("|" + " --- |" * 5)
    for resolution in arguments.resolutions:
        grid = st.EquiangularGrid(resolution)
        band_limited = [
            (0, sample_scalar(polynomial, grid), sample_scalar(polynomial, grid, angles)),
            (1, sample_vector(vectors, grid), sample_vector(vectors, grid, angles)),
        ]
        for spin, plain, rotated in band_limited:
            kind = "polynomial of degree 5" if spin == 0 else "vectors of degree 5"
            row(kind, grid, spin, np.repeat(plain, len(images), axis=0), rotated, angles)
        for spin, project in ((0, project_images), (1, project_gradients)):
            kind = "digits" if spin == 0 else "gradients of digits"
            plain, rotated = project(images, grid), project(images, grid, angles)
            row(kind, grid, spin, plain, rotated, angles)


def row(
    kind: str,
    grid: st.EquiangularGrid,
    spin: int,
    plain: np.ndarray,
    rotated: np.ndarray,
    angles: st.EulerAngles,
) -> None:
    """Prints one line of the table."""
    transform = st.SpinTransform(grid, (spin,))
    dtype = np.float32 if spin == 0 else np.complex64
    errors, lost = [], []
    for start in range(0, len(plain), 50):
        chunk = slice(start, start + 50)
        field = {spin: plain[chunk].astype(dtype)[..., None]}
        some = tuple(angle[chunk] for angle in angles)
        by_coefficients = st.rotate_field(transform, field, some)[spin][..., 0]
        again = transform.inverse(transform.forward(field))[spin][..., 0]
        size = norm(grid, plain[chunk])
        errors.append(norm(grid, by_coefficients - rotated[chunk]) / size)
        lost.append(norm(grid, again - plain[chunk]) / size)
    rotation_errors, transform_errors = np.concatenate(errors), np.concatenate(lost)
    print(
        f"| {kind} | {grid.shape[0]} x {grid.shape[1]} | {np.median(rotation_errors):.2g} "
        f"| {np.quantile(rotation_errors, 0.95):.2g} | {np.median(transform_errors):.2g} |",
        flush=True,
    )


def norm(grid: st.EquiangularGrid, values: np.ndarray) -> np.ndarray:
    """Returns the root mean square over the sphere, (batch,)."""
    weights = np.sin(grid.colatitudes)[:, None]
    return np.sqrt((weights * np.abs(np.asarray(values)) ** 2).sum((1, 2)) / weights.sum())


def polynomial(directions: np.ndarray) -> np.ndarray:
    """Returns a polynomial of degree 5 in (x, y, z)."""
    x, y, z = directions
    return x * y**2 * z**2 + 0.7 * x**3 - 0.4 * y * z + 0.2 * z + 0.3 * x


def vectors(directions: np.ndarray) -> np.ndarray:
    """Returns the gradient of the polynomial, plus a second tangent field."""
    x, y, z = directions
    gradient = [
        y**2 * z**2 + 2.1 * x**2 + 0.3,
        2 * x * y * z**2 - 0.4 * z,
        2 * x * y**2 * z - 0.4 * y + 0.2,
    ]
    return np.stack(gradient) + np.cross(directions, [0.5 * x * y, z**2 - 0.2, x], axis=0)


if __name__ == "__main__":
    main()
