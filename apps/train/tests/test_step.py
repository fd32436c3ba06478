"""The compiled steps: gradients, sharding, masks and bytes."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import spin_data
import spin_train
from spin_train.devices.device_pipeline import DevicePipeline
from spin_train.devices.sharding import data_mesh, replicate, shard_batch
from spin_train.optimization.optimizer import make_optimizer, on_vectors
from spin_train.optimization.steps import in_microbatches, make_eval_step, score_gradients
from spin_train.training.setup import make_setup


def one_batch(setup, size):
    return next(spin_data.training_iterator(setup.data.train_source, batch_size=size, seed=0))


def assert_close(ours, theirs):
    """Relative to the largest value: sums are taken in another order."""
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * np.max(np.abs(theirs)))


def test_one_device_and_eight_agree(config):
    config.dataset = "tiny_spheres/spins"
    setup = make_setup(config)
    batch = one_batch(setup, 16)
    model = setup.model

    def gradients(devices):
        mesh = data_mesh(devices)
        variables = replicate(model.variables, mesh)
        compiled = jax.jit(partial(score_gradients, model, setup.task))
        return compiled(variables, shard_batch(batch, mesh), jnp.int32(1))

    results = gradients(jax.devices()[:1]), gradients(jax.devices())
    assert len(jax.devices()) == 8
    jax.tree.map(assert_close, *jax.device_get(results))


def test_complex_parameters_descend():
    """Without the conjugate, gradient descent on |w - (1 + 2i)|^2 goes away from it."""
    optimizer = make_optimizer(lambda step: 0.05)
    target = jnp.asarray(1 + 2j, jnp.complex64)
    params = jnp.asarray(0j, jnp.complex64)
    state = optimizer.init(params)

    @jax.jit
    def descend(params, state):
        gradients = jax.grad(lambda w: jnp.abs(w - target) ** 2)(params)
        updates, state = optimizer.update(gradients, state, params)
        return optax.apply_updates(params, updates), state

    for _ in range(300):
        params, state = descend(params, state)
    assert abs(params - target) < 0.05


def test_weight_decay_pulls_matrices_to_zero_and_spares_vectors():
    optimizer = make_optimizer(lambda step: 0.1, weight_decay=0.5)
    params = {"kernel": jnp.full((2, 2), 3 + 4j), "scale": jnp.ones(2)}
    updates, _ = optimizer.update(
        jax.tree.map(jnp.zeros_like, params), optimizer.init(params), params
    )
    assert np.all(np.abs(params["kernel"] + updates["kernel"]) < 5)
    np.testing.assert_array_equal(updates["scale"], 0)


def test_the_schedule_counts_updates_from_one():
    seen = []

    def schedule(step):
        seen.append(int(step))
        return 0.1

    optimizer = make_optimizer(schedule)
    state = optimizer.init(jnp.ones(2))
    for _ in range(3):
        _, state = optimizer.update(jnp.ones(2), state, jnp.ones(2))
    assert seen == [1, 2, 3]


@pytest.mark.parametrize(("pad", "expected"), [(True, 30), (False, 16)])
def test_every_example_counts_once(config, pad, expected):
    """The means over 30 examples in batches of 16, by hand."""
    config.eval_pad_last_batch = pad
    setup = make_setup(config)
    source = setup.data.dataset.splits["test"]
    state, constants = setup.initial_state(), setup.constants()
    found = setup.evaluator.evaluate(state, constants, source)

    model = setup.model
    whole = spin_data.read_batch(source, np.arange(expected))
    field = spin_data.decode_fields(whole["input"])
    logits, _ = model.apply(model.variables, field, step=None)
    log_probabilities = np.asarray(jax.nn.log_softmax(logits))
    labels = whole["label"]
    assert found["eval_loss"] == pytest.approx(
        -log_probabilities[np.arange(expected), labels].mean(), rel=1e-5
    )
    assert found["accuracy"] == pytest.approx((log_probabilities.argmax(-1) == labels).mean())


def test_padding_may_be_anything(config):
    """What a model makes of a masked example is never multiplied by zero."""
    setup = make_setup(config)
    batch = one_batch(setup, 16) | {"mask": np.arange(16) < 3}
    batch["input"] = {"spin_0": batch["input"]["spin_0"].astype(np.float32)}
    batch["input"]["spin_0"][3:] = np.nan
    eval_step = make_eval_step(setup.model, setup.task, setup.mesh)
    state = setup.initial_state()
    totals = eval_step(
        state,
        setup.constants(),
        {},
        shard_batch(batch, setup.mesh),
    )
    assert int(totals["count"]) == 3
    assert np.isfinite(float(totals["loss"]))


def test_bytes_become_the_unit_interval():
    field, _ = DevicePipeline()(
        {
            "input": {
                "spin_0": jnp.asarray([0, 51, 255], jnp.uint8),
                "spin_-1": jnp.asarray([1j], jnp.complex64),
            }
        }
    )
    np.testing.assert_allclose(field[0], [0, 0.2, 1], rtol=1e-6)
    assert field[0].dtype == jnp.float32
    assert field[-1].dtype == jnp.complex64


def test_random_layers_draw_anew_at_every_step(config):
    setup = make_setup(config)
    batch = one_batch(setup, 16)
    model = setup.model
    compiled = jax.jit(partial(score_gradients, model, setup.task))

    def loss_at(step):
        _, (scores, _) = compiled(model.variables, batch, jnp.int32(step))
        return float(scores["loss"])

    assert loss_at(1) == loss_at(1)
    assert loss_at(1) != loss_at(2)


def test_on_vectors_every_number_is_updated_as_leaf_by_leaf():
    keys = jax.random.split(jax.random.key(3), 4)
    params = {
        "a": {"w": jax.random.normal(keys[0], (3, 4)), "b": jnp.float32(2.0)},
        "c": jax.random.normal(keys[1], (2, 5), jnp.complex64),
        "d": jax.random.normal(keys[2], (6,)),
        "e": jax.random.normal(keys[3], (3,), jnp.complex64),
    }
    apart, together = optax.adam(0.1), on_vectors(optax.adam(0.1))
    state, state_together = apart.init(params), together.init(params)
    for step in range(3):
        gradients = jax.tree.map(lambda leaf, step=step: (step + 1.0) * leaf * leaf, params)
        expected, state = apart.update(gradients, state, params)
        found, state_together = together.update(gradients, state_together, params)
        assert jax.tree.structure(found) == jax.tree.structure(expected)
        jax.tree.map(np.testing.assert_array_equal, found, expected)
    sizes = sorted(leaf.size for leaf in jax.tree.leaves(state_together))
    assert sizes == [1, 13, 13, 19, 19]


@pytest.mark.usefixtures("fully_optimized")
@pytest.mark.parametrize("devices", [1, 8])
def test_accumulated_gradients_are_those_of_the_parts(config, devices):
    """The microbatches are the same on any number of devices: each of every second example."""
    config.model_options.dropout = 0.0
    setup = make_setup(config)
    model, mesh = setup.model, data_mesh(jax.devices()[:devices])
    batch = one_batch(setup, 16)
    compute = partial(score_gradients, model, setup.task)
    variables = replicate(model.variables, mesh)
    together = jax.jit(partial(compute, accumulation_steps=2, mesh=mesh))
    gradients, (scores, statistics) = together(variables, shard_batch(batch, mesh), jnp.int32(1))

    expected = []
    current = model.variables
    for number in range(2):
        chosen = jax.tree.map(lambda leaf, number=number: leaf[number::2], batch)
        found, (its_scores, batch_stats) = jax.jit(compute)(current, chosen, jnp.int32(2 + number))
        current = dataclasses.replace(current, batch_stats=batch_stats)
        expected.append((found, its_scores))
    means = jax.tree.map(lambda a, b: (a + b) / 2, *expected)
    jax.tree.map(assert_close, jax.device_get((gradients, scores)), jax.device_get(means))
    jax.tree.map(assert_close, jax.device_get(statistics), jax.device_get(batch_stats))


@pytest.mark.usefixtures("fully_optimized")
def test_accumulation_gathers_nothing():
    """On eight devices a microbatch is taken from each device's own share."""
    mesh = data_mesh()
    split = jax.jit(partial(in_microbatches, 2, mesh))
    values = shard_batch({"x": np.arange(32.0)}, mesh)["x"]
    assert "all-" not in split.lower(values).compile().as_text()
    np.testing.assert_array_equal(np.sort(split(values), axis=None), np.arange(32.0))


def test_long_gradients_are_shortened_and_short_ones_are_not():
    """By the norm over all parameters, of which Adam's own scale takes no notice after one step."""
    gradients = {"real": jnp.full(2, 3.0), "complex": jnp.full(2, 4j)}
    norm = float(optax.tree.norm(gradients))
    assert norm == pytest.approx(np.sqrt(2 * 9 + 2 * 16))
    for clip_norm, factor in ((norm / 2, 0.5), (2 * norm, 1.0)):
        optimizer = make_optimizer(lambda step: 0.1, clip_norm=clip_norm)
        _, state = optimizer.update(gradients, optimizer.init(gradients), gradients)
        (moments,) = [
            leaf
            for leaf in jax.tree.leaves(state, is_leaf=lambda x: hasattr(x, "mu"))
            if hasattr(leaf, "mu")
        ]
        # The first moment after one update is a tenth of the (conjugated) gradient.
        np.testing.assert_allclose(moments.mu["float32"], 0.3 * factor, rtol=1e-6)
        np.testing.assert_allclose(moments.mu["complex64"], -0.4j * factor, rtol=1e-6)


def test_a_run_with_accumulation_and_clipping(config, tmp_path):
    config.update({"per_device_batch_size": 4, "gradient_accumulation_steps": 2})
    config.gradient_clip_norm = 0.5
    assert np.isfinite(spin_train.train(config, tmp_path)["validation"]["eval_loss"])
    config.gradient_accumulation_steps = 3
    with pytest.raises(spin_train.UserError, match="does not divide per_device_batch_size, 4"):
        spin_train.train(config, tmp_path)
