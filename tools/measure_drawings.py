"""How much of a digit lies in high degrees, drawn as published and drawn bilinearly.

Usage: python tools/measure_drawings.py [--every 50]

Of the digits' power spectrum, summed over degrees from 1 on: the share from degrees 8, 16 and 24
on, which grids of 16, 32 and 48 samples do not carry. MNIST is read from SPIN_MNIST_DIR.
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
    """Prints a line for each way of drawing."""
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
        for pose, turn in (("upright", None), ("turned", angles)):
            field = {0: draw(images, grid, turn)[..., None].astype(np.float32)}
            spectrum = np.asarray(st.power_spectrum(transform.forward(field))[0])
            power = spectrum.mean(axis=(0, 2)) * (2 * np.arange(spectrum.shape[1]) + 1)
            shares = ", ".join(
                f"from {degree} on {100 * power[degree:].sum() / power[1:].sum():.1f}%"
                for degree in (8, 16, 24)
            )
            print(f"{draw.__name__}, {pose}: {shares}")


if __name__ == "__main__":
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    main()
