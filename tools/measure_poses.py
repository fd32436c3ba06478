"""Measures how well a trained network classifies digits in its training poses and in others.

Usage: python tools/measure_poses.py [--dataset spherical_mnist/bilinear_rotated]
           [--weights model.safetensors] [--every 10] [--poses 4]

The network must be trained on the dataset; the default is the one in spin-models. The digits are
drawn as in the dataset. The tool prints accuracy and loss of every tenth training and test digit

- in the dataset's pose,
- upright,
- in new random poses,
- with the logits averaged over the new poses.

An exactly equivariant network classifies a digit equally well in all poses.

The last line of each split is for sixes and nines. Their images are rotated by 180 degrees and then
drawn in new poses. As shapes, they are the same digits in another pose. A network that classifies
them as the other digit uses the grain of the drawing. MNIST is read from SPIN_MNIST_DIR.
"""

from __future__ import annotations

import argparse
import functools
import os
import tempfile
from collections.abc import Callable

import jax
import numpy as np
import optax
from flax import nnx

import sphere_transforms as st
import spin_data
import spin_models
import spin_registry as sr
from spherical_mnist.mnist_files import read_mnist

BATCH = 50
DRAWINGS = {
    "spherical_mnist/rotated": spin_data.project_as_published,
    "spherical_mnist/bilinear_rotated": spin_data.project_images,
}


def main() -> None:
    """Prints a line for each kind of digits and poses."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", choices=DRAWINGS, default="spherical_mnist/rotated")
    parser.add_argument("--weights", help="a file written by spin-export")
    parser.add_argument("--every", type=int, default=10)
    parser.add_argument("--poses", type=int, default=4)
    arguments = parser.parse_args()
    if arguments.weights:
        model = spin_models.load(arguments.weights)
    else:
        model = spin_models.load_pretrained("spin_classifier_6_layers", arguments.dataset)
    data = sr.get_dataset(arguments.dataset).load()
    draw = functools.partial(drawn, DRAWINGS[arguments.dataset])
    with tempfile.TemporaryDirectory() as downloads:
        digits = read_mnist(None, downloads)
    for split, (images, labels) in digits.items():
        source = data.splits[split]
        chosen = np.arange(0, len(source), arguments.every)
        chosen = chosen[: len(chosen) // BATCH * BATCH]
        images, labels = images[chosen], labels[chosen]
        own = np.stack([np.asarray(source[int(i)]["input"]["spin_0"]) for i in chosen])
        show(f"{split}, dataset's pose", logits_of(model, own), labels)
        show(f"{split}, upright", logits_of(model, draw(images, None)), labels)
        fresh = [logits_of(model, draw(images, seed)) for seed in range(arguments.poses)]
        show(f"{split}, new poses", np.concatenate(fresh), np.tile(labels, arguments.poses))
        show(f"{split}, mean over new poses", np.mean(fresh, axis=0), labels)
        both = np.flatnonzero(np.isin(labels, [6, 9]))
        both = both[: len(both) // BATCH * BATCH]
        found = logits_of(model, draw(images[both, ::-1, ::-1], 0)).argmax(axis=-1)
        as_shape, other = (found == labels[both]).mean(), (found == 15 - labels[both]).mean()
        print(
            f"{split}, rotated images of six and nine: {100 * as_shape:.0f}% classified by shape, "
            f"{100 * other:.0f}% as the other digit"
        )


def drawn(draw: Callable[..., np.ndarray], images: np.ndarray, seed: int | None) -> np.ndarray:
    """Returns the images on the sphere, (batch, lat, long, 1), in random poses or upright."""
    angles = None
    if seed is not None:
        angles = st.random_euler_angles(jax.random.key(seed), (len(images),))
    return draw(images, st.EquiangularGrid(64), angles)[..., None]


def logits_of(model: nnx.Module, spheres: np.ndarray) -> np.ndarray:
    """Returns the logits of images on the sphere with values in [0, 255]."""
    batches = np.split(spheres.astype(np.float32) / 255, len(spheres) // BATCH)
    return np.concatenate([_call(model, batch) for batch in batches])


@nnx.jit
def _call(model, batch):
    return model({0: batch}, train=False)


def show(name: str, logits: np.ndarray, labels: np.ndarray) -> None:
    """Prints accuracy and loss."""
    loss = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
    found = logits.argmax(axis=-1)
    wrong = found != labels
    six_or_nine = wrong & np.isin(found, [6, 9]) & np.isin(labels, [6, 9])
    print(
        f"{name:<30} {100 * (1 - wrong.mean()):6.2f}%   loss {loss:.3f}   "
        f"errors {wrong.sum()}, between six and nine {six_or_nine.sum()}",
        flush=True,
    )


if __name__ == "__main__":
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    main()
