"""A dataset of one's own: one, two or three bumps at random places on the sphere."""

import numpy as np

import sphere_transforms as st
import spin_data
import spin_registry as sr


def load(*, examples: int = 600, resolution: int = 16, seed: int = 0) -> spin_data.Dataset:
    """Draws the dataset anew."""
    grid = st.EquiangularGrid(resolution)
    theta, phi = np.meshgrid(grid.colatitudes, grid.longitudes, indexing="ij")
    points = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], -1)
    rng = np.random.default_rng(seed)

    def split(count: int) -> spin_data.ArraySource:
        labels = rng.integers(0, 3, count)
        centres = st.rotation_matrix(st.random_euler_angles(rng, (count, 3)))[..., 2]
        present = np.arange(3) <= labels[:, None]
        distance = np.einsum("jkx,npx->npjk", points, centres)
        fields = np.einsum("npjk,np->njk", np.exp(12 * (distance - 1)), present)
        return spin_data.ArraySource({"spin_0": fields[..., None].astype(np.float32)}, labels, 3)

    splits = {"train": examples, "validation": examples // 4, "test": examples // 4}
    return spin_data.Dataset(
        input=sr.FieldSpec(grid, {0: 1}),
        output=sr.ClassSpec(3),
        splits={name: split(count) for name, count in splits.items()},
    )
