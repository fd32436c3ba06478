"""The weights that come with spin-models, on MNIST test digits turned as they never were before."""

from pathlib import Path

import jax
import numpy as np
import pytest
from flax import nnx

import sphere_transforms as st
import spin_data
import spin_models

DIGITS = Path(__file__).parent / "data" / "mnist_every_20th.npz"
# 11 of the 500 when the weights were made; rounding may change one or two.
ERRORS_ALLOWED = 13


@pytest.fixture(scope="module")
def model():
    return spin_models.load_pretrained("spin_classifier_6_layers", "spherical_mnist/rotated")


@pytest.fixture(scope="module")
def digits():
    with np.load(DIGITS) as file:
        return file["images"], file["labels"]


def logits_of(model, spheres):
    call = nnx.jit(lambda model, batch: model({0: batch}, train=False))
    batches = np.split(spheres[..., None] / np.float32(255), 10)
    return np.concatenate([call(model, batch) for batch in batches])


def turned(images, grid, seed):
    angles = st.random_euler_angles(jax.random.key(seed), (len(images),))
    return spin_data.project_images(images, grid, angles)


def test_digits_turned_afresh_are_recognised(model, digits):
    images, labels = digits
    grid = model.blocks[0].grid
    errors = (logits_of(model, turned(images, grid, seed=7)).argmax(-1) != labels).sum()
    assert errors <= ERRORS_ALLOWED


def test_two_rotations_get_nearly_the_same_logits(model, digits):
    images, _ = digits
    grid = model.blocks[0].grid
    one, other = (logits_of(model, turned(images, grid, seed)) for seed in (1, 2))
    assert (one.argmax(-1) == other.argmax(-1)).mean() >= 0.97
