"""A user's script with NumPy arrays: `mypy --strict` accepts it (`tox run -e lint`)."""

from typing import TYPE_CHECKING

import jax
import numpy as np

import sphere_transforms as st
import spherical_mnist
import spin_data
import spin_layers as sl
import spin_models
import spin_registry as sr
import spin_train

grid = st.EquiangularGrid(8)
transform = st.SpinTransform(grid, (0, 1))
field = {0: np.zeros((1, 8, 8, 1), np.float32)}
coefficients: dict[int, jax.Array] = transform.forward(field)
of_numpy = {0: np.asarray(coefficients[0])}
back: dict[int, jax.Array] = transform.inverse(of_numpy, real_scalars=True)
turned = st.rotate_coefficients(of_numpy, st.euler_angles(np.eye(3)))
slope: dict[int, jax.Array] = st.gradient(of_numpy[0])
values: jax.Array = st.evaluate(of_numpy, np.array([0.1]), np.array([0.2]))[0]
total: jax.Array = st.integrate(field[0], grid)
print(st.laplacian(of_numpy), st.power_spectrum(of_numpy), st.stack(field), st.to_healpy(of_numpy))

if TYPE_CHECKING:  # misspelled names are found; mypy also says where there is no error to ignore
    misspelled = [
        st.misspelled,  # type: ignore[attr-defined]
        sl.misspelled,  # type: ignore[attr-defined]
        sr.misspelled,  # type: ignore[attr-defined]
        spin_data.misspelled,  # type: ignore[attr-defined]
        spin_models.misspelled,  # type: ignore[attr-defined]
        spin_train.misspelled,  # type: ignore[attr-defined]
        spherical_mnist.misspelled,  # type: ignore[attr-defined]
    ]
