import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import sphere_transforms as st
import spin_layers as sl
import spin_registry as sr

# On one worker, because tests share errors.
pytestmark = pytest.mark.xdist_group("equivariance")
GRID = st.EquiangularGrid(64)


apply = nnx.jit(lambda model, field: model(field, train=False))


def logits_of(seed, name="spin_classifier_6_layers"):
    model = sr.get_model(name).create(
        input=sr.FieldSpec(GRID, {0: 1}), output=sr.ClassSpec(10), rngs=nnx.Rngs(seed)
    )
    return lambda field: apply(model, field)


def inputs(batch=32):
    """Smooth fields of varied contrast: amplitudes (1 + ell)^-2, times a log-normal factor."""
    coefficients = st.random_coefficients(
        jax.random.key(5), {0: 1}, GRID.band_limit, batch=batch, real_scalars=True
    )[0]
    falling = (1.0 + jnp.arange(GRID.band_limit)) ** -2
    contrast = jnp.exp(jax.random.normal(jax.random.key(1), (batch,)))
    return {0: coefficients * falling[None, :, None, None] * contrast[:, None, None, None]}


@functools.cache
def invariance_errors(name):
    """Of four untrained networks."""
    return [
        float(sl.invariance_error(logits_of(seed, name), GRID, inputs(), key=jax.random.key(7)))
        for seed in range(4)
    ]


def test_logits_of_the_untrained_network_hardly_change_under_rotation():
    errors = invariance_errors("spin_classifier_6_layers")
    assert max(errors) < 0.05, errors


def test_spectral_pooling_makes_the_untrained_network_less_variant():
    """In the median of four seeds."""
    errors = {
        name: np.median(invariance_errors(name))
        for name in ("spin_classifier_6_layers", "gated_spin_classifier_6_layers")
    }
    assert errors["gated_spin_classifier_6_layers"] < errors["spin_classifier_6_layers"] / 2, errors


def test_logits_do_not_change_under_a_shift_that_the_poolings_allow():
    logits = logits_of(0)
    image = jax.random.uniform(jax.random.key(2), (4, 64, 64, 1))
    before = logits({0: image})
    for shift in (4, 20, -12):
        after = logits({0: jnp.roll(image, shift, axis=2)})
        np.testing.assert_allclose(after, before, atol=1e-5)


def test_a_planar_network_does_change():
    # The measure is not blind: what has no equivariance shows it.
    planar = sr.get_model("cnn_classifier_6_layers").create(
        input=sr.FieldSpec(GRID, {0: 1}), output=sr.ClassSpec(10), rngs=nnx.Rngs(0)
    )
    error = sl.invariance_error(
        lambda field: apply(planar, field), GRID, inputs(), key=jax.random.key(7)
    )
    assert error > 0.1
