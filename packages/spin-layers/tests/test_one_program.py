"""Outside of `jit`, a layer is one program, and does what it does inside."""

import concurrent.futures
import subprocess
import sys
import textwrap

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


def with_step(step):
    """A block whose call does something more."""

    class Block(sl.SpinBlock):
        def on_packed(self, packed, *, train):
            result = super().on_packed(packed, train=train)
            step(self, result)
            return result

    return Block(GRID, CHANNELS, CHANNELS, rngs=nnx.Rngs(0))


def make_variable(block, result):
    block.made = nnx.Intermediate(jax.tree.leaves(result)[0].mean())


def count_calls(block, result):
    block.calls = getattr(block, "calls", 0) + 1


def change_an_option(block, result):
    block.normalization.momentum = 0.5


@pytest.mark.parametrize("step", [make_variable, count_calls, change_an_option])
def test_a_call_may_change_what_the_module_consists_of(step):
    outside, inside = with_step(step), with_step(step)
    field = field_of(0, 1)
    for _ in range(2):
        found = outside(field, train=True)
        expected = nnx.jit(lambda block, field: block(field, train=True))(inside, field)
    for spin, values in expected.items():
        np.testing.assert_allclose(found[spin], values, rtol=1e-5, atol=1e-6)
    states = (nnx.to_pure_dict(nnx.state(block)) for block in (outside, inside))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), *states)
    assert getattr(outside, "calls", None) == getattr(inside, "calls", None)
    assert outside.normalization.momentum == inside.normalization.momentum


@pytest.mark.parametrize("in_a_list", [False, True])
def test_intermediate_values_are_captured(in_a_list):
    block = with_step(lambda self, result: self.sow(nnx.Intermediate, "mean", result[0][0].mean()))

    class Model(nnx.Module):
        def __init__(self):
            self.blocks = nnx.List([block])

        @sl.one_program
        def __call__(self, field):
            return self.blocks[0](field, train=False)

    model = Model() if in_a_list else block
    options = {} if in_a_list else {"train": False}
    field = field_of(0, 1)
    expected = sl.SpinBlock(GRID, CHANNELS, CHANNELS, rngs=nnx.Rngs(0))(field, train=False)
    for _ in range(2):
        captured = nnx.capture(lambda model, field: model(field, **options), nnx.Intermediate)
        found, values = captured(model, field)
        assert len(jax.tree.leaves(values)) == 1
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-5, atol=1e-6)


def test_an_array_as_an_option_is_used_operation_by_operation():
    block = LAYERS["SpinBlock"]()
    field = field_of(0, 1)
    expected = block(field, train=False)
    found = block(field, train=jax.numpy.array(False))
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5, atol=1e-6)


def test_the_package_may_be_imported_while_a_function_is_traced():
    """A model that is made inside of `jit` imports it, by the registry."""
    code = textwrap.dedent(
        """
        import jax, jax.numpy as jnp
        from flax import nnx

        @nnx.jit
        def make():
            import spin_layers as sl
            return sl.MagnitudeNonlinearity({0: 2})

        layer, names = make(), []
        listen = jax.monitoring.register_event_duration_secs_listener
        field = {0: jnp.ones((1, 8, 8, 2))}
        listen(lambda event, seconds, **_: "backend_compile" in event and names.append(event))
        layer(field)
        assert len(names) == 1, names
        """
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
