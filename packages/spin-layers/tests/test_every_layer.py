"""Every layer under JAX's settings and transformations, and at exact zeros.

`CASES` holds one call of each layer and function of fields. A test compares it with the public
names, so a new one needs a case, or a reason in `WITHOUT_A_CASE`.
"""

import contextlib
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_fields import normal
from flax import nnx

import sphere_transforms as st
import spin_layers as sl

L = 4
GRID = st.EquiangularGrid(2 * L)
HEALPIX = st.HealpixGrid(2, L)
CHANNELS = {0: 2, 1: 2}
SCALAR, VECTOR = normal(0, (2, 8, 8, 2)), normal(1, (2, 8, 8, 2), jnp.complex64)
PIXEL_SCALAR, PIXEL_VECTOR = normal(2, (2, 48, 2)), normal(3, (2, 48, 2), jnp.complex64)
ANGLES = (0.3, 1.2, -0.7)


def field_of(scalar, vector):
    return {0: scalar, 1: vector}


def block(grid=GRID, **options):
    return lambda: sl.SpinBlock(grid, CHANNELS, CHANNELS, rngs=nnx.Rngs(0), **options)


def in_training(layer, scalar, vector):
    return layer(field_of(scalar, vector), train=True), nnx.state(layer, nnx.BatchStat)


def in_evaluation(layer, scalar, vector):
    return layer(field_of(scalar, vector), train=False)


def plain(layer, scalar, vector):
    return layer(field_of(scalar, vector))


def nothing():
    return nnx.Dict()


FIELD, PIXELS = (SCALAR, VECTOR), (PIXEL_SCALAR, PIXEL_VECTOR)

# By name: a function that makes the layer, a call of it, and the arrays of the call. The name of a
# case begins with the public name.
CASES = {
    "SpinBlock training": (block(), in_training, FIELD),
    "SpinBlock evaluation": (block(nonlinearity="gated"), in_evaluation, FIELD),
    "SpinBlock weighted": (block(pool=True), in_training, FIELD),
    "SpinBlock spectral": (block(pool=True, pooling="spectral"), in_evaluation, FIELD),
    "SpinBlock healpix": (block(HEALPIX, pool=True), in_evaluation, PIXELS),
    "SpinBlock composed": (
        block(),
        lambda layer, *arrays: layer.composed(field_of(*arrays), train=True),
        FIELD,
    ),
    "SpinConvolution": (
        lambda: sl.SpinConvolution(GRID, CHANNELS, CHANNELS, rngs=nnx.Rngs(0)),
        plain,
        FIELD,
    ),
    "SpinFilter": (
        lambda: sl.SpinFilter(8, CHANNELS, CHANNELS, filter_values=3, rngs=nnx.Rngs(0)),
        # Any complex array (batch, ell, m, channel).
        lambda layer, a: layer.multiply({0: a, 1: 2 * a}),
        (VECTOR,),
    ),
    "SpinBatchNormalization training": (
        lambda: sl.SpinBatchNormalization(GRID, CHANNELS),
        in_training,
        FIELD,
    ),
    "SpinBatchNormalization evaluation": (
        lambda: sl.SpinBatchNormalization(HEALPIX, CHANNELS),
        in_evaluation,
        PIXELS,
    ),
    "MagnitudeNonlinearity": (lambda: sl.MagnitudeNonlinearity(CHANNELS), plain, FIELD),
    "GatedNonlinearity": (
        lambda: sl.GatedNonlinearity(CHANNELS, rngs=nnx.Rngs(0)),
        plain,
        FIELD,
    ),
    "PhaseCollapse": (lambda: sl.PhaseCollapse(CHANNELS, rngs=nnx.Rngs(0)), plain, FIELD),
    "global_pool": (nothing, lambda _, *arrays: sl.global_pool(field_of(*arrays), GRID), FIELD),
    "global_pool_packed": (
        nothing,
        lambda _, *arrays: sl.global_pool_packed(sl.pack(field_of(*arrays)), GRID),
        FIELD,
    ),
    "pack": (nothing, lambda _, *arrays: sl.pack(field_of(*arrays)), FIELD),
    "unpack": (nothing, lambda _, *arrays: sl.unpack(sl.pack(field_of(*arrays))), FIELD),
    "sphere_mean": (nothing, lambda _, x: sl.sphere_mean(x, GRID), (SCALAR,)),
    "weighted_pool": (
        nothing,
        lambda _, *arrays: sl.weighted_pool(field_of(*arrays), GRID)[0],
        FIELD,
    ),
    "field_difference": (
        nothing,
        lambda _, x, y: sl.field_difference({1: x}, {1: y}, GRID, ANGLES),
        (VECTOR, 2 * VECTOR),
    ),
    "output_difference": (
        nothing,
        lambda _, x, y: sl.output_difference(x[:, 0, 0], y[:, 0, 0]),
        (SCALAR, 2 * SCALAR),
    ),
    "without_start": (
        nothing,
        lambda _, x: sl.without_start(x, 1.0, 0.9, jnp.int32(3)),
        (SCALAR,),
    ),
}
WITHOUT_A_CASE = {
    "Buffer": "holds an array",
    "Channels": "a type",
    "MANY_UPDATES": "a number",
    "PackedField": "a type",
    "SharedTransforms": "makes transforms, outside of programs",
    "Weights": "values that were read",
    "check_field": "checks shapes",
    "checked_momentum": "checks a number",
    "complex_normal": "draws parameters, outside of programs",
    "create_with_weights": "reads files",
    "equivariance_error": "field_difference of a function's results",
    "fill_weights": "reads files",
    "invariance_error": "output_difference of a function's results",
    "lecun_normal": "draws parameters, outside of programs",
    "localized_filter_matrix": "computes in NumPy",
    "one_program": "decorates methods",
    "read_weights": "reads files",
    "replaced_weights": "writes files",
    "write_weights": "writes files",
}
each_case = pytest.mark.parametrize("name", CASES)


def parts(name):
    """A pure function of the layer's arrays and of those of the call; both, as tuples."""
    make, call, arguments = CASES[name]
    graphdef, state = nnx.split(make())
    leaves, structure = jax.tree.flatten(state)

    def function(leaves, *arguments):
        layer = nnx.merge(graphdef, jax.tree.unflatten(structure, leaves))
        return jax.tree.leaves(call(layer, *arguments))

    return function, tuple(leaves), arguments


@pytest.fixture(scope="module")
def expected():
    """The results of all cases, compiled."""
    results = {}

    def of(name):
        if name not in results:
            function, *arguments = parts(name)
            results[name] = jax.device_get(jax.jit(function)(arguments[0], *arguments[1]))
        return results[name]

    return of


def assert_equal(found, expected):
    assert len(found) == len(expected) > 0
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        bound = 1e-5 * (np.abs(other).max() + 1e-6)
        np.testing.assert_allclose(one, other, rtol=0, atol=bound)


def test_every_public_name_has_a_case():
    covered = {name.split(" ")[0] for name in CASES}
    assert covered == set(sl.__all__) - set(WITHOUT_A_CASE)
    assert set(WITHOUT_A_CASE) <= set(sl.__all__)


@each_case
def test_under_strict_promotion_and_debug_nans(name, expected):
    results = expected(name)
    with contextlib.ExitStack() as stack:
        stack.enter_context(jax.numpy_dtype_promotion("strict"))
        stack.enter_context(jax.debug_nans(True))
        function, leaves, arguments = parts(name)  # the layer is made under both, too
        assert_equal(jax.jit(function)(leaves, *arguments), results)


@each_case
def test_arrays_that_a_program_closes_over(name, expected):
    """They have values, but what is computed from them in the program is traced."""
    make, call, arguments = CASES[name]
    found = jax.eval_shape(lambda: jax.tree.leaves(call(make(), *arguments)))
    assert [(a.shape, a.dtype) for a in found] == [(a.shape, a.dtype) for a in expected(name)]


def test_a_key_that_a_program_closes_over():
    """The same numbers as outside."""
    key = jax.random.key(0)
    for draw in (sl.lecun_normal, sl.complex_normal):
        arguments = (key, (3, 4), jnp.float32 if draw is sl.lecun_normal else jnp.complex64)
        inside = jax.jit(lambda draw=draw, arguments=arguments: draw(*arguments))()
        np.testing.assert_array_equal(inside, draw(*arguments))


@each_case
def test_without_jit(name, expected):
    function, leaves, arguments = parts(name)
    with jax.disable_jit():
        assert_equal(function(leaves, *arguments), expected(name))


@each_case
def test_under_vmap_of_cond_with_a_batched_predicate(name, expected):
    function, leaves, arguments = parts(name)

    def one_of_two(predicate, *arguments):
        def zeros(*arguments):
            return jax.tree.map(jnp.zeros_like, function(*arguments))

        return jax.lax.cond(predicate, function, zeros, *arguments)

    in_axes = (0, *[None] * (1 + len(arguments)))
    predicates = jnp.array([True, False])
    both = jax.jit(jax.vmap(one_of_two, in_axes))(predicates, leaves, *arguments)
    assert_equal([leaf[0] for leaf in both], expected(name))
    assert not any(np.any(leaf[1]) for leaf in both)


@each_case
def test_exported_with_a_symbolic_batch(name, expected):
    function, leaves, arguments = parts(name)
    (batch,) = jax.export.symbolic_shape("batch")
    shapes = [jax.ShapeDtypeStruct((batch, *a.shape[1:]), a.dtype) for a in arguments]
    fixed = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), leaves)
    export = jax.export.export(jax.jit(function), platforms=("cpu", "cuda", "tpu"))
    restored = jax.export.deserialize(export(fixed, *shapes).serialize())
    assert_equal(restored.call(leaves, *arguments), expected(name))


@each_case
def test_a_donated_layer_leaves_later_ones_whole(name, expected):
    for _ in range(2):
        function, leaves, arguments = parts(name)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Some donated buffers were not usable")
            found = jax.jit(function, donate_argnums=0)(leaves, *arguments)
        assert_equal(found, expected(name))


@each_case
def test_gradients_at_zero_are_finite(name):
    """By the arrays of the call, which are zero, and by the parameters."""
    if name.startswith("output_difference"):
        pytest.skip("outputs that do not vary: documented to be infinite or NaN")
    make, call, arguments = CASES[name]
    graphdef, params, rest = nnx.split(make(), nnx.Param, ...)
    leaves, structure = jax.tree.flatten(rest)
    zeros = tuple(map(jnp.zeros_like, arguments))

    def size(params, *arguments, leaves):
        layer = nnx.merge(graphdef, params, jax.tree.unflatten(structure, leaves))
        found = call(layer, *arguments)
        return sum(
            jnp.sum(leaf.real**2 + leaf.imag**2 + leaf.real)
            for leaf in jax.tree.leaves(found)
            if jnp.issubdtype(leaf.dtype, jnp.inexact)
        )

    differentiated = tuple(range(1 + len(arguments)))
    gradients = jax.jit(jax.grad(size, argnums=differentiated))(params, *zeros, leaves=leaves)
    for leaf in jax.tree.leaves(gradients):
        assert np.all(np.isfinite(leaf))
