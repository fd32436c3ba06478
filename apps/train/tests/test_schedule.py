"""The learning rate, against the log of the published run."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import spin_train
from spin_train.optimization.schedule import make_schedule
from spin_train.training.setup import make_setup

# Step to learning rate, in the published README's sample output.
PUBLISHED_LOG = {
    100: 5.333333683665842e-05,
    200: 0.00010666667367331684,
    300: 0.00016000001050997525,
    22300: 2.3198128928925144e-07,
    22400: 5.799532232231286e-08,
}


def published(**changes):
    config = spin_train.load_config("spherical_mnist")
    config.update(changes)
    return config


@pytest.mark.parametrize("compile_it", [False, True])
@pytest.mark.parametrize(("step", "rate"), PUBLISHED_LOG.items())
def test_the_published_log(step, rate, compile_it):
    schedule = make_schedule(
        published(), global_batch_size=32, steps_per_epoch=1875, num_train_steps=22500
    )
    found = (jax.jit(schedule) if compile_it else schedule)(jnp.asarray(step))
    assert found.dtype == jnp.float32
    assert float(found) == pytest.approx(rate, rel=1e-5)


def test_it_ends_at_zero_and_peaks_after_the_warm_up():
    schedule = make_schedule(
        published(), global_batch_size=32, steps_per_epoch=10, num_train_steps=40
    )
    rates = [float(schedule(step)) for step in range(1, 41)]
    assert rates[-1] == 0
    assert max(rates) == rates[9] == pytest.approx(0.001)
    assert rates[24] == pytest.approx(0.0005)


def test_it_scales_with_the_global_batch():
    rates = [
        float(
            make_schedule(
                published(), global_batch_size=size, steps_per_epoch=10, num_train_steps=40
            )(15)
        )
        for size in (32, 256)
    ]
    assert rates[1] == pytest.approx(8 * rates[0])


def test_constant_after_the_warm_up():
    schedule = make_schedule(
        published(learning_rate_schedule="constant"),
        global_batch_size=32,
        steps_per_epoch=10,
        num_train_steps=40,
    )
    assert float(schedule(5)) == pytest.approx(0.0005)
    assert float(schedule(10)) == float(schedule(40)) == pytest.approx(0.001)


@pytest.mark.parametrize("num_train_steps", [1, 10, 11])
@pytest.mark.parametrize("warmup_epochs", [0, 1])
def test_short_runs_stay_finite(num_train_steps, warmup_epochs):
    schedule = make_schedule(
        published(warmup_epochs=warmup_epochs),
        global_batch_size=32,
        steps_per_epoch=10,
        num_train_steps=num_train_steps,
    )
    rates = [float(schedule(step)) for step in range(1, num_train_steps + 1)]
    assert all(0 <= rate <= 0.001001 for rate in rates)


def test_a_number_of_steps_shrinks_the_epochs_of_the_schedule(config):
    """As published: 24 steps of 12 epochs warm up for 2 and decay over 22."""
    config.num_train_steps, config.num_epochs = 24, 12
    setup = make_setup(config)
    base = config.learning_rate * setup.global_batch_size / 32
    rates = [float(setup.schedule(step)) for step in (1, 2, 13, 24)]
    np.testing.assert_allclose(rates, [base / 2, base, base / 2, 0], atol=1e-7)
