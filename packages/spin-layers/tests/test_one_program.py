"""Outside of `jit`, a layer is one program, and does what it does inside."""

import concurrent.futures

import jax
import numpy as np
import pytest
from drawn_fields import normal
from flax import nnx

import sphere_transforms as st
import spin_layers as sl

GRID = st.EquiangularGrid(8)
CHANNELS = {0: 2, 1: 2}
LAYERS = {
    "SpinBlock": lambda: sl.SpinBlock(GRID, CHANNELS, CHANNELS, pool=True, rngs=nnx.Rngs(0)),
    "SpinBatchNormalization": lambda: sl.SpinBatchNormalization(GRID, CHANNELS),
    "MagnitudeNonlinearity": lambda: sl.MagnitudeNonlinearity(CHANNELS),
    "GatedNonlinearity": lambda: sl.GatedNonlinearity(CHANNELS, rngs=nnx.Rngs(0)),
    "PhaseCollapse": lambda: sl.PhaseCollapse(CHANNELS, rngs=nnx.Rngs(0)),
}
HAVE_STATISTICS = ("SpinBlock", "SpinBatchNormalization")


@pytest.fixture
def compiled():
    """The programs that were compiled so far, by name."""
    names = []

    def note(event, seconds, fun_name="", **_):
        if "backend_compile" in event:
            names.append(fun_name)

    jax.monitoring.register_event_duration_secs_listener(note)
    yield names
    jax.monitoring.unregister_event_duration_listener(note)


def field_of(*spins):
    return {s: normal(s, (3, 8, 8, 2), np.complex64 if s else np.float32) for s in spins}


def called(layer, field, name):
    options = {"train": True} if name in HAVE_STATISTICS else {}
    return layer(field, **options)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_one_program_outside_of_jit(name, compiled):
    layer, inside = LAYERS[name](), LAYERS[name]()
    # The vectors first: the order of the spins is the caller's.
    field = field_of(1, 0)
    jax.clear_caches()
    compiled.clear()
    found = called(layer, field, name)
    assert len(compiled) == 1, compiled
    assert name == "SpinBlock" or list(found) == [1, 0]
    expected = nnx.jit(lambda layer, field: called(layer, field, name))(inside, field)
    assert found.keys() == expected.keys()
    for spin, values in expected.items():
        np.testing.assert_allclose(found[spin], values, rtol=1e-5, atol=1e-6)
    for one, other in zip(*(jax.tree.leaves(nnx.state(a)) for a in (layer, inside)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    before = len(compiled)
    called(layer, field, name)
    assert len(compiled) == before


@pytest.mark.parametrize("name", HAVE_STATISTICS)
def test_statistics_are_updated_outside_of_jit(name):
    layer = LAYERS[name]()
    field = field_of(0, 1)
    updates = layer.updates if name == "SpinBatchNormalization" else layer.normalization.updates
    for count in (1, 2):
        layer(field, train=True)
        assert updates[...] == count
    layer(field, train=False)
    assert updates[...] == 2


@pytest.mark.parametrize("name", LAYERS)
def test_a_program_may_close_over_a_layer_and_its_field(name):
    layer = LAYERS[name]()
    field = field_of(0, 1)
    options = {"train": False} if name in HAVE_STATISTICS else {}
    found, expected = jax.jit(lambda: layer(field, **options))(), layer(field, **options)
    for spin, values in expected.items():
        np.testing.assert_allclose(found[spin], values, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_an_evaluation_leaves_the_module_as_it_is(name):
    """Threads may share a model, and no table is copied."""
    layer = LAYERS[name]()
    field = field_of(0, 1)
    before = jax.tree.leaves(nnx.state(layer))
    options = {"train": False} if name in HAVE_STATISTICS else {}
    layer(field, **options)
    after = jax.tree.leaves(nnx.state(layer))
    assert len(before) == len(after)
    assert all(one is other for one, other in zip(before, after, strict=True))


def test_threads_share_a_model():
    layer = LAYERS["SpinBlock"]()
    field = field_of(0, 1)
    expected = layer(field, train=False)
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        for found in threads.map(lambda _: layer(field, train=False), range(200)):
            for spin, values in expected.items():
                np.testing.assert_array_equal(found[spin], values)
