"""The weights that come with spin-models, on MNIST test digits in new random rotations."""

from importlib import resources
from pathlib import Path

import jax
import numpy as np
import pytest
from flax import nnx

import sphere_transforms as st
import spin_data
import spin_layers as sl
import spin_models

DIGITS = Path(__file__).parent / "data" / "mnist_every_20th.npz"
PUBLISHED, GATED = "spin_classifier_6_layers", "gated_spin_classifier_6_layers"
# By network and dataset: how its digits are drawn, and the errors allowed of 500. They were 2, 11
# and 15 when the weights were made; rounding may change one or two.
DRAWINGS = {
    (PUBLISHED, "spherical_mnist/rotated"): (spin_data.project_as_published, 4),
    (PUBLISHED, "spherical_mnist/bilinear_rotated"): (spin_data.project_images, 13),
    (GATED, "spherical_mnist/bilinear_canonical"): (spin_data.project_images, 17),
}


@pytest.fixture(scope="module", params=DRAWINGS, ids="-".join)
def weights(request):
    return request.param


@pytest.fixture(scope="module")
def labels_and_logits(weights):
    """The digits' labels, and the logits of the digits in two rotations each."""
    model = spin_models.load_pretrained(*weights)
    apply = nnx.jit(lambda model, spheres: model({0: spheres / np.float32(255)}, train=False))
    with np.load(DIGITS) as file:
        images, labels = file["images"], file["labels"]
    project, _ = DRAWINGS[weights]
    logits = []
    for seed in (7, 1):
        angles = st.random_euler_angles(jax.random.key(seed), (len(images),))
        spheres = project(images, model.blocks[0].grid, angles)[..., None]
        logits.append(np.concatenate([apply(model, batch) for batch in np.split(spheres, 10)]))
    return labels, logits


def test_digits_in_new_rotations_are_recognised(weights, labels_and_logits):
    labels, (logits, _) = labels_and_logits
    assert (logits.argmax(-1) != labels).sum() <= DRAWINGS[weights][1]


def test_two_rotations_get_nearly_the_same_logits(labels_and_logits):
    _, (one, other) = labels_and_logits
    assert (one.argmax(-1) == other.argmax(-1)).mean() >= 0.97


def test_the_weights_say_what_they_were_trained_on():
    folder = resources.files(spin_models) / "weights"
    for model_name, dataset in spin_models.pretrained_names():
        with resources.as_file(folder / dataset / f"{model_name}.safetensors") as path:
            metadata = sl.read_weights(path).metadata
        assert metadata["dataset"] == dataset
        assert metadata["dataset_version"] == "2.0.0"
        assert metadata["model_name"] == model_name


def test_every_pretrained_network_is_tested_here():
    assert set(spin_models.pretrained_names()) == set(DRAWINGS)
