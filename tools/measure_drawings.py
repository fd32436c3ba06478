"""Measures the power of digits in high degrees, for the published and the bilinear drawing.

Usage: python tools/measure_drawings.py [--every 50]

Prints the shares of the power in degrees from 8, from 16 and from 24 on, which grids of resolution
16, 32 and 48 cannot represent. The total is the power in all degrees from 1 on. MNIST is read from
SPIN_MNIST_DIR.
"""

from __future__ import annotations

import argparse
import os
import tempfile

import jax
import numpy as np

import sphere_transforms as st
import spin_data
from spherical_mnist.mnist_files import read_mnist


def main() -> None:
    """Prints a line for each drawing and pose."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=50)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as downloads:
        images, _ = read_mnist(None, downloads)["test"]
    images = images[:: arguments.every]
    grid = st.EquiangularGrid(64)
    angles = st.random_euler_angles(jax.random.key(0), (len(images),))
    transform = st.SpinTransform(grid, spins=(0,))
    for draw in (spin_data.project_as_published, spin_data.project_images):
        for pose, turn in (("upright", None), ("rotated", angles)):
            field = {0: draw(images, grid, turn)[..., None].astype(np.float32)}
            spectrum = np.asarray(st.power_spectrum(transform.forward(field))[0])
            power = spectrum.mean(axis=(0, 2)) * (2 * np.arange(spectrum.shape[1]) + 1)
            shares = ", ".join(
                f"degrees from {degree} on {100 * power[degree:].sum() / power[1:].sum():.1f}%"
                for degree in (8, 16, 24)
            )
            print(f"{draw.__name__}, {pose}: {shares}")


if __name__ == "__main__":
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    main()
