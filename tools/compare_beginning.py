"""Trains the first steps of the published run, and prints the losses beside those of its log.

Usage: python tools/compare_beginning.py [--seed 0] [--steps 300] [--dataset NAME]

This library's network and its initial filters are those of the successor's code. The published code
of 2021, which wrote the log, drew wider filters: by a factor of sqrt(2) in the first layer, which
has one input spin, and by a factor of 2 in the others. This tool initialises as that code did. 100
steps take a minute on two cores.
"""

from __future__ import annotations

import argparse
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

import spin_data
import spin_registry as sr
import spin_train
from spin_train.optimization.optimizer import make_optimizer
from spin_train.optimization.schedule import make_schedule

# Mean loss and training accuracy over the last 100 steps, from the published README.
LOG = {100: (2.4578, 0.1006), 200: (2.0388, 0.2675), 300: (1.7513, 0.3647)}


def main() -> None:
    """Trains, and prints a line every 100 steps."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dataset", default="spherical_mnist/rotated")
    parser.add_argument("--steps", type=int, default=300)
    arguments = parser.parse_args()
    data = sr.get_dataset(arguments.dataset).load()
    model = sr.get_model("spin_classifier_6_layers").create(
        input=data.input, output=data.output, rngs=nnx.Rngs(arguments.seed)
    )
    for block in model.blocks:
        spins_in = len(block.convolution.channels_in)
        block.convolution.kernel[...] *= math.sqrt(2 * spins_in)
    graph, params, rest = nnx.split(model, nnx.Param, ...)
    schedule = make_schedule(
        spin_train.load_config("spherical_mnist"),
        global_batch_size=32,
        steps_per_epoch=1875,
        num_train_steps=22500,
    )
    optimizer = make_optimizer(schedule)
    state = optimizer.init(params)

    @jax.jit
    def step(params, rest, state, images, labels):
        def mean_loss(params):
            merged = nnx.merge(graph, params, rest, copy=True)
            logits = merged({0: images.astype(jnp.float32) / 255}, train=True)
            loss = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
            return loss, (nnx.split(merged, nnx.Param, ...)[2], (logits.argmax(-1) == labels))

        (loss, (rest, right)), gradients = jax.value_and_grad(mean_loss, has_aux=True)(params)
        updates, state = optimizer.update(gradients, state, params)
        return optax.apply_updates(params, updates), rest, state, (loss, right.mean())

    batches = spin_data.training_iterator(data.splits["train"], batch_size=32, seed=arguments.seed)
    found = []
    for number in range(1, arguments.steps + 1):
        batch = next(batches)
        params, rest, state, scores = step(
            params, rest, state, batch["input"]["spin_0"], batch["label"]
        )
        found.append(np.array(scores))
        if number % 100 == 0:
            loss, accuracy = np.mean(found[-100:], axis=0)
            line = f"step {number}: loss {loss:.3f}, accuracy {accuracy:.3f}"
            if number in LOG:
                line += "; published: {:.3f}, {:.3f}".format(*LOG[number])
            print(line, flush=True)


if __name__ == "__main__":
    main()
