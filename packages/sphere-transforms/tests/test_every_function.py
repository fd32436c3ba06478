"""Every public function of arrays under JAX's settings and transformations, and at exact zeros.

`CASES` holds one call of each function. A test compares it with the list of public names, so a new
function needs a case, or a reason in `WITHOUT_A_CASE`.
"""

import contextlib
import functools
import inspect
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType

import sphere_transforms as st

L = 4
GRID = st.EquiangularGrid(2 * L)
HEALPIX = st.HealpixGrid(2, L)
KEY = jax.random.key(3)
MESH = jax.make_mesh((1,), ("x",), (AxisType.Auto,), devices=jax.devices()[:1])

SCALAR, VECTOR, MINUS = (
    st.random_coefficients(jax.random.fold_in(KEY, spin + 5), {spin: 2}, L, batch=2)[spin]
    for spin in (0, 1, -1)
)
REAL = (SCALAR + st.conjugate_coefficients({0: SCALAR})[0]) / 2
SAMPLES = jax.random.normal(KEY, (2, *GRID.shape, 2), jnp.complex64)
PIXELS = jax.random.normal(KEY, (2, *HEALPIX.shape, 2), jnp.complex64)
ANGLES = tuple(jnp.asarray([0.3, 1.2], jnp.float32) for _ in range(3))

T = st.SpinTransform(GRID, (0, 1))
RECURSION = st.SpinTransform(GRID, (0, 1), method="recursion")
MCEWEN_WIAUX = st.SpinTransform(st.McEwenWiauxGrid(L), (0, 1))
ON_HEALPIX = st.SpinTransform(HEALPIX, (0, 1))
REAL_BASIS = st.RealBasisTransform(GRID, (0, 1))
MW_SAMPLES = SAMPLES[:, :L, : 2 * L - 1]
PACKED = jnp.transpose(SAMPLES.real, (2, 1, 0, 3))
ENTRIES = jax.random.normal(KEY, (L, L, 2, 2, 2))


def _transform_cases(name, transform, field):
    return {
        f"SpinTransform.forward {name}": (
            lambda x: transform.forward({0: x.real, 1: x}),
            (field,),
        ),
        f"SpinTransform.inverse {name}": (
            lambda a, b: transform.inverse({0: a, 1: b}, real_scalars=True),
            (SCALAR, VECTOR),
        ),
    }


# By name: a function of arrays, and its arguments. The name of a case begins with the function's.
CASES = {
    **_transform_cases("tables", T, SAMPLES),
    **_transform_cases("recursion", RECURSION, SAMPLES),
    **_transform_cases("resampled", MCEWEN_WIAUX, MW_SAMPLES),
    **_transform_cases("healpix", ON_HEALPIX, PIXELS),
    "RealBasisTransform.analyze": (lambda x: REAL_BASIS.analyze(1, (x, x)), (PACKED,)),
    "RealBasisTransform.analyze scalar": (lambda x: REAL_BASIS.analyze(0, (x,)), (PACKED,)),
    "RealBasisTransform.synthesize": (lambda a: REAL_BASIS.synthesize(1, (a, a)), (ENTRIES,)),
    "change_band_limit up": (lambda a: st.change_band_limit({0: a}, 6), (SCALAR,)),
    "change_band_limit down": (lambda a: st.change_band_limit({1: a}, 2), (VECTOR,)),
    "coefficients_from_orders": (
        lambda a: st.coefficients_from_orders(st.orders_from_coefficients({1: a})),
        (VECTOR,),
    ),
    "orders_from_coefficients": (
        lambda a: st.orders_from_coefficients({0: a}, real_scalars=True),
        (SCALAR,),
    ),
    "forward_by_orders": (
        lambda x: st.forward_by_orders(RECURSION, {0: x.real, 1: x}, MESH, "x"),
        (SAMPLES,),
    ),
    "inverse_by_orders": (
        lambda a: st.inverse_by_orders(RECURSION, st.orders_from_coefficients({1: a}), MESH, "x"),
        (VECTOR,),
    ),
    "conjugate_coefficients": (lambda a: st.conjugate_coefficients({1: a}), (VECTOR,)),
    "convolve_axisymmetric": (
        lambda a, b: st.convolve_axisymmetric({1: a}, b),
        (VECTOR, jnp.arange(1.0, L + 1)),
    ),
    "factors_of_coefficients": (st.factors_of_coefficients, (SCALAR[0, :, L - 1],)),
    "gaussian_beam": (lambda width: st.gaussian_beam(L, width, 1), (jnp.float32(0.3),)),
    "gradient": (st.gradient, (SCALAR,)),
    "rotated_gradient": (st.rotated_gradient, (SCALAR,)),
    "divergence": (lambda a, b: st.divergence({1: a, -1: b}), (VECTOR, MINUS)),
    "curl": (lambda a: st.curl({1: a}), (VECTOR,)),
    "laplacian": (lambda a, b: st.laplacian({0: a, 1: b}), (SCALAR, VECTOR)),
    "raise_spin": (lambda a: st.raise_spin({0: a}), (SCALAR,)),
    "lower_spin": (lambda a: st.lower_spin({1: a}), (VECTOR,)),
    "power_spectrum": (lambda a: st.power_spectrum({1: a}), (VECTOR,)),
    "power_spectrum of two": (
        lambda a, b: st.power_spectrum({1: a}, {1: b}),
        (VECTOR, VECTOR * 2),
    ),
    "inner_product": (lambda a, b: st.inner_product({1: a}, {1: b}), (VECTOR, VECTOR * 2)),
    "integrate": (lambda x: st.integrate(x, GRID), (SAMPLES,)),
    "mean": (lambda x: st.mean(x, HEALPIX), (PIXELS,)),
    "to_healpy": (lambda a, b: st.to_healpy({0: a, 1: b}), (REAL, VECTOR)),
    "to_ducc0": (lambda a, b: st.to_ducc0({0: a, -1: b}), (REAL, MINUS)),
    "to_s2fft": (lambda a: st.to_s2fft({1: a}), (VECTOR,)),
    "from_healpy": (
        lambda a, b: st.from_healpy({0: a, 1: b}),
        tuple(st.to_healpy({0: REAL, 1: VECTOR}).values()),
    ),
    "from_ducc0": (
        lambda a, b: st.from_ducc0({0: a, -1: b}),
        tuple(st.to_ducc0({0: REAL, -1: MINUS}).values()),
    ),
    "from_s2fft": (lambda a: st.from_s2fft({1: a}), tuple(st.to_s2fft({1: VECTOR}).values())),
    "evaluate": (
        lambda a, *angles: st.evaluate({1: a}, *angles),
        (VECTOR, *ANGLES[:2]),
    ),
    "fill_unseen": (lambda x: st.fill_unseen({1: x}), (SAMPLES,)),
    "euler_angles": (
        lambda x: st.euler_angles(x + jnp.eye(3)),
        (jnp.zeros((3, 3)),),
    ),
    "rotation_matrix": (lambda *x: jnp.asarray(st.rotation_matrix(x), x[0].dtype), ANGLES),
    "random_coefficients": (
        lambda spectrum: st.random_coefficients(
            KEY, {0: 2, 1: 2}, L, power_spectrum={1: spectrum}, real_scalars=True
        ),
        (jnp.arange(1.0, L + 1),),
    ),
    "random_euler_angles": (
        lambda x: (*st.random_euler_angles(KEY, (2,)), x),
        (jnp.float32(0),),
    ),
    "resample": (lambda x: st.resample({1: x}, T, MCEWEN_WIAUX), (SAMPLES,)),
    "rotate_coefficients": (
        lambda a, b, *angles: st.rotate_coefficients({0: a, 1: b}, angles),
        (SCALAR, VECTOR, *ANGLES),
    ),
    "rotate_field": (
        lambda x, *angles: st.rotate_field(T, {0: x.real, 1: x}, angles),
        (SAMPLES, *ANGLES),
    ),
    "spin_to_vector": (lambda x: st.spin_to_vector({1: x}), (SAMPLES,)),
    "spin_to_vector complex": (
        lambda x, y: st.spin_to_vector({1: x, -1: y}, real=False),
        (SAMPLES, SAMPLES),
    ),
    "stack": (lambda x, y: st.stack({0: x, 1: y}), (SAMPLES.real, SAMPLES)),
    "unstack": (
        lambda x: st.unstack(x, (0, 1)),
        (jnp.stack([SAMPLES, SAMPLES], 3),),
    ),
    "vector_to_spin": (st.vector_to_spin, (SAMPLES.real, SAMPLES.imag)),
}
# Functions whose arguments or results are not arrays of JAX.
WITHOUT_A_CASE = {
    "check_x64": "checks a dtype",
    "checked_real_dtype": "checks a dtype",
    "describe_grid": "describes a grid as a dictionary",
    "estimate_memory": "returns numbers of bytes",
    "factors_of_profile": "computes in NumPy",
    "grid_from_description": "returns a grid",
    "pixel_window": "computes in NumPy",
    "spin_spherical_harmonics": "computes in NumPy",
    "unit_vectors": "computes in NumPy",
    "wigner_d": "computes in NumPy",
    "wigner_d_planes": "computes in NumPy",
}

each_case = pytest.mark.parametrize("name", CASES)


def _is_slow(name):
    """Whether it is a further case of a function, or one over devices (minutes without jit)."""
    function, _, variant = name.partition(" ")
    return variant not in ("", "tables", "recursion") or function.endswith("_by_orders")


# For the two settings that take seconds per case: the others run by `tox run -e slow`.
once_for_each_function = pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow) if _is_slow(name) else name for name in CASES],
)


def test_every_public_function_has_a_case():
    functions = {name for name in st.__all__ if inspect.isfunction(getattr(st, name))}
    methods = {"SpinTransform.forward", "SpinTransform.inverse"}
    methods |= {"RealBasisTransform.analyze", "RealBasisTransform.synthesize"}
    covered = {name.split(" ")[0] for name in CASES}
    assert covered == (functions - set(WITHOUT_A_CASE)) | methods
    assert set(WITHOUT_A_CASE) <= functions


@pytest.fixture(scope="module")
def expected():
    """The results of all cases, compiled."""
    results = {}

    def of(name):
        if name not in results:
            function, arguments = CASES[name]
            results[name] = jax.device_get(jax.jit(function)(*arguments))
        return results[name]

    return of


def assert_equal(found, expected, tolerance=1e-5):
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * np.abs(other).max())


def shape_of(leaf):
    return leaf.shape, leaf.dtype


@each_case
def test_under_strict_promotion_and_debug_nans(name, expected):
    function, arguments = CASES[name]
    with contextlib.ExitStack() as stack:
        stack.enter_context(jax.numpy_dtype_promotion("strict"))
        stack.enter_context(jax.debug_nans(True))
        assert_equal(jax.jit(function)(*arguments), expected(name))


@each_case
def test_arrays_that_a_program_closes_over(name, expected):
    """They have values, but what is computed from them in the program is traced."""
    function, arguments = CASES[name]
    found = jax.eval_shape(lambda: function(*arguments))
    assert jax.tree.map(shape_of, found) == jax.tree.map(shape_of, expected(name))


@once_for_each_function
def test_without_jit(name, expected):
    function, arguments = CASES[name]
    with jax.disable_jit():
        assert_equal(function(*arguments), expected(name))


@each_case
def test_under_vmap_of_cond_with_a_batched_predicate(name, expected):
    function, arguments = CASES[name]

    def one_of_two(predicate, *arguments):
        def nothing(*arguments):
            return jax.tree.map(jnp.zeros_like, function(*arguments))

        return jax.lax.cond(predicate, function, nothing, *arguments)

    in_axes = (0, *[None] * len(arguments))
    both = jax.jit(jax.vmap(one_of_two, in_axes))(jnp.array([True, False]), *arguments)
    assert_equal(jax.tree.map(lambda leaf: leaf[0], both), expected(name))
    assert all(not np.any(leaf[1]) for leaf in jax.tree.leaves(both))


@once_for_each_function
def test_exported_with_a_symbolic_batch(name, expected):
    function, arguments = CASES[name]
    (batch,) = jax.export.symbolic_shape("batch")
    axis = 3 if name.startswith("RealBasisTransform.synth") else 2 if "RealBasis" in name else 0
    shapes = []
    for argument in arguments:
        shape = list(np.shape(argument))
        if len(shape) > axis and shape[axis] == 2:
            shape[axis] = batch
        shapes.append(jax.ShapeDtypeStruct(shape, argument.dtype))

    # The file format knows dictionaries with string keys only.
    def leaves(*arguments):
        return jax.tree.leaves(function(*arguments))

    export = jax.export.export(jax.jit(leaves), platforms=("cpu", "cuda", "tpu"))
    restored = jax.export.deserialize(export(*shapes).serialize())
    assert_equal(restored.call(*arguments), jax.tree.leaves(expected(name)))


@pytest.mark.parametrize("transform", [T, RECURSION, MCEWEN_WIAUX, ON_HEALPIX], ids=repr)
def test_a_donated_transform_leaves_later_ones_whole(transform):
    make = functools.partial(
        st.SpinTransform, transform.grid, transform.spins, method=transform.method
    )
    inverse = jax.jit(lambda t, a: t.inverse({1: a})[1], donate_argnums=0)
    expected = transform.inverse({1: VECTOR})[1]
    for _ in range(2):
        with warnings.catch_warnings():
            # No result has the shape of a table, so most buffers are deleted and not used.
            warnings.filterwarnings("ignore", "Some donated buffers were not usable")
            found = inverse(make(), VECTOR)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(make().inverse({1: VECTOR})[1], expected, rtol=0, atol=1e-5)


def test_a_donated_transform_in_the_real_basis_leaves_later_ones_whole():
    analyze = jax.jit(lambda t, x: t.analyze(1, (x, x)), donate_argnums=0)
    expected = REAL_BASIS.analyze(1, (PACKED, PACKED))
    for _ in range(2):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Some donated buffers were not usable")
            found = analyze(st.RealBasisTransform(GRID, (0, 1)), PACKED)
        assert_equal(found, jax.device_get(expected))


# What takes coefficients. In such a function, an entry without a harmonic must have no effect.
TAKE_COEFFICIENTS = [
    name
    for name, (_, arguments) in CASES.items()
    if any(argument is array for argument in arguments for array in (SCALAR, VECTOR, MINUS, REAL))
    and not name.startswith("orders_from")  # a change of layout
]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", TAKE_COEFFICIENTS)
def test_entries_without_a_harmonic_have_no_effect(name, bad, expected):
    function, arguments = CASES[name]

    def spoiled(argument):
        for spin, array in ((0, SCALAR), (0, REAL), (1, VECTOR), (-1, MINUS)):
            if argument is array:
                ell, m = np.arange(L)[:, None], np.arange(1 - L, L)
                empty = (np.abs(m) > ell) | (ell < abs(spin))
                return jnp.where(empty[None, :, :, None], bad, argument)
        return argument

    found = jax.jit(function)(*map(spoiled, arguments))
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected(name)), strict=True):
        # Entries without a harmonic may be handed on as they are.
        present = other != 0
        np.testing.assert_allclose(
            np.where(present, one, 0), np.where(present, other, 0), rtol=0, atol=1e-5
        )


def test_a_power_spectrum_with_zeros_has_the_right_gradient():
    spectrum = jnp.asarray([0, 0, 1, 1, 1, 1, 1, 1], jnp.float32)

    def summed_power(amplitude):
        drawn = st.random_coefficients(
            jax.random.key(0), {2: 1}, 8, power_spectrum={2: amplitude * spectrum}
        )
        return jnp.sum(st.power_spectrum(drawn)[2])

    value, slope = jax.value_and_grad(summed_power)(1.0)
    # The power is proportional to the amplitude, so the slope at 1 is the value.
    np.testing.assert_allclose(slope, value, rtol=1e-6)
    np.testing.assert_allclose(slope, 5.364947, rtol=1e-6)


@each_case
def test_gradients_at_zero_are_finite(name):
    function, arguments = CASES[name]

    def power(arguments):
        # Not the square, whose derivative hides an infinite one at zero.
        return sum(jnp.sum(leaf.real + leaf.imag) for leaf in jax.tree.leaves(function(*arguments)))

    zeros = jax.tree.map(jnp.zeros_like, arguments)
    for gradient in jax.tree.leaves(jax.jit(jax.grad(power))(zeros)):
        assert np.all(np.isfinite(gradient))
