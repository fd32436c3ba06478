import ducc0
import hypothesis
import hypothesis.strategies
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_fields import normal, random_coefficients
from jax.test_util import check_grads

import sphere_transforms as st
from sphere_transforms.harmonics import definitions
from sphere_transforms.rotation import quarter_turn, rotate_field

ANGLES = (0.3, 1.1, -2.2)


def directions(theta, phi):
    return np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], -1)


@pytest.mark.parametrize("spin", [-1, 0, 2])
def test_agrees_with_the_definition(spin):
    with jax.enable_x64(True):
        coefficients = random_coefficients(0, {spin: 1}, 8)
        found = st.rotate_coefficients(coefficients, ANGLES)[spin][0, :, :, 0]
        expected = definitions.rotate(np.asarray(coefficients[spin][0, :, :, 0]), ANGLES)
        np.testing.assert_allclose(found, expected, atol=1e-13)


def test_a_scalar_field_is_carried_along():
    # f'(x) = f(R^-1 x), evaluated point by point.
    coefficients = np.asarray(random_coefficients(0, {0: 1}, 6)[0])
    rotated = np.asarray(st.rotate_coefficients({0: jnp.asarray(coefficients)}, ANGLES)[0])
    points = np.random.default_rng(0).uniform([0, 0], [np.pi, 2 * np.pi], (10, 2))
    back = directions(*points.T) @ st.rotation_matrix(ANGLES)
    theta, phi = np.arccos(back[:, 2]), np.arctan2(back[:, 1], back[:, 0])

    def evaluate(values, theta, phi):
        return np.einsum(
            "lm,plm->p", values[0, :, :, 0], st.spin_spherical_harmonics(6, 0, theta, phi)
        )

    np.testing.assert_allclose(
        evaluate(rotated, *points.T), evaluate(coefficients, theta, phi), atol=1e-5
    )


def test_a_tangent_vector_turns_with_the_surface():
    # The gradient of the turned scalar is the turned gradient: so spin 1 turns as a vector does.
    scalar = random_coefficients(0, {0: 1}, 6)[0]
    turn_first = st.gradient(st.rotate_coefficients({0: scalar}, ANGLES)[0])
    turn_after = st.rotate_coefficients(st.gradient(scalar), ANGLES)
    for spin in (1, -1):
        np.testing.assert_allclose(turn_first[spin], turn_after[spin], atol=2e-5)


def test_one_rotation_for_each_example_and_traced_angles():
    coefficients = random_coefficients(0, {1: 2}, 6, batch=3)
    angles = st.random_euler_angles(jax.random.key(1), (3,))
    together = jax.jit(st.rotate_coefficients)(coefficients, angles)[1]
    for example in range(3):
        alone = st.rotate_coefficients(
            {1: coefficients[1][example : example + 1]}, tuple(a[example] for a in angles)
        )[1][0]
        np.testing.assert_allclose(together[example], alone, atol=1e-5)


def test_rotating_back_is_the_identity_in_float32():
    coefficients = random_coefficients(0, {0: 1, 1: 1}, 32)
    alpha, beta, gamma = ANGLES
    there = st.rotate_coefficients(coefficients, ANGLES)
    back = st.rotate_coefficients(there, (-gamma, -beta, -alpha))
    for spin in (0, 1):
        error = jnp.linalg.norm(back[spin] - coefficients[spin])
        assert error / jnp.linalg.norm(coefficients[spin]) < 2e-6


@pytest.mark.parametrize("source", [np.random.default_rng(0), jax.random.key(0)])
def test_random_rotations_are_uniform(source):
    # The columns of a uniform rotation are uniform on the sphere: mean 0, covariance 1/3.
    matrices = st.rotation_matrix(st.random_euler_angles(source, (40_000,)))
    np.testing.assert_allclose(matrices.mean(0), 0, atol=0.015)
    np.testing.assert_allclose((matrices**2).mean(0), 1 / 3, atol=0.015)
    np.testing.assert_allclose(np.linalg.det(matrices), 1, atol=1e-5)


def test_rotation_matrix_turns_actively_in_the_order_zyz():
    np.testing.assert_allclose(
        st.rotation_matrix((np.pi / 2, 0, 0)) @ [1, 0, 0], [0, 1, 0], atol=1e-15
    )
    np.testing.assert_allclose(
        st.rotation_matrix((np.pi / 2, np.pi / 2, 0)) @ [0, 0, 1], [0, 1, 0], atol=1e-15
    )


def test_an_array_that_is_no_coefficients_is_refused():
    with pytest.raises(ValueError, match=r"\(2, 12, 12, 3\).*2 L - 1"):
        st.rotate_coefficients({0: jnp.ones((2, 12, 12, 3), jnp.complex64)}, ANGLES)


def test_angles_that_do_not_fit_the_batch_are_refused():
    coefficients = random_coefficients(0, {0: 1}, 4, batch=3)
    with pytest.raises(ValueError, match=r"shape \(2,\).*batch of 3"):
        st.rotate_coefficients(coefficients, (np.zeros(2), 0.0, 0.0))


@pytest.mark.parametrize("angles", [(0.1, 0.2), (0.1, 0.2, 0.3, 0.4), 0.1, None, np.float64(1)])
def test_angles_that_are_not_three_are_refused(angles):
    coefficients = random_coefficients(0, {0: 1}, 4, batch=3)
    with pytest.raises(ValueError, match=r"rotate_coefficients: angles is .*give three"):
        st.rotate_coefficients(coefficients, angles)
    with pytest.raises(ValueError, match=r"rotation_matrix: angles is .*give three"):
        st.rotation_matrix(angles)


def test_angles_may_be_one_array():
    coefficients = random_coefficients(0, {0: 1}, 4, batch=3)
    alone = st.rotate_coefficients(coefficients, (0.1, 0.2, 0.3))
    for angles in (np.array([0.1, 0.2, 0.3]), np.tile([[0.1], [0.2], [0.3]], 3)):
        np.testing.assert_array_equal(st.rotate_coefficients(coefficients, angles)[0], alone[0])


def euler_angles(matrix):
    """Of a rotation matrix, away from the poles."""
    return (
        np.arctan2(matrix[1, 2], matrix[0, 2]),
        np.arccos(matrix[2, 2]),
        np.arctan2(matrix[2, 1], -matrix[2, 0]),
    )


rotations = hypothesis.strategies.tuples(
    hypothesis.strategies.floats(0, 2 * np.pi),
    hypothesis.strategies.floats(0.1, np.pi - 0.1),
    hypothesis.strategies.floats(0, 2 * np.pi),
)
few = hypothesis.settings(max_examples=10, deadline=None)


@few
@hypothesis.given(first=rotations, second=rotations)
def test_rotations_compose(first, second):
    product = st.rotation_matrix(second) @ st.rotation_matrix(first)
    hypothesis.assume(abs(product[2, 2]) < 0.999)
    with jax.enable_x64(True):
        coefficients = random_coefficients(0, {0: 1, 2: 1}, 8)
        twice = st.rotate_coefficients(st.rotate_coefficients(coefficients, first), second)
        once = st.rotate_coefficients(coefficients, euler_angles(product))
        for spin in (0, 2):
            np.testing.assert_allclose(twice[spin], once[spin], atol=1e-11)


@few
@hypothesis.given(angles=rotations)
def test_a_rotation_is_unitary_and_is_undone(angles):
    alpha, beta, gamma = angles
    with jax.enable_x64(True):
        before = random_coefficients(0, {1: 2}, 9)
        after = st.rotate_coefficients(before, angles)
        np.testing.assert_allclose(  # degree by degree
            jnp.linalg.norm(after[1], axis=2), jnp.linalg.norm(before[1], axis=2), rtol=1e-13
        )
        back = st.rotate_coefficients(after, (-gamma, -beta, -alpha))
        np.testing.assert_allclose(back[1], before[1], atol=1e-13)


def test_every_spin_turns_alike():
    values = random_coefficients(0, {2: 1}, 8)[2]
    turned = st.rotate_coefficients(dict.fromkeys((-2, 0, 1), values), ANGLES)
    for spin in (-2, 1):
        np.testing.assert_array_equal(turned[spin], turned[0])


def agrees_with_ducc(band_limit, tolerance):
    with jax.enable_x64(True):
        coefficients = random_coefficients(0, {0: 1}, band_limit, real_scalars=True)
        found = st.rotate_coefficients(coefficients, ANGLES)[0]

    def packed(values):
        values = np.asarray(values)[0, :, :, 0]
        return np.concatenate([values[m:, band_limit - 1 + m] for m in range(band_limit)])

    expected = ducc0.sht.rotate_alm(packed(coefficients[0]), band_limit - 1, *ANGLES[::-1])
    assert np.linalg.norm(packed(found) - expected) < tolerance * np.linalg.norm(expected)


@pytest.mark.parametrize("band_limit", [48, 101, 385])  # by table, by one loop, by loops in stages
def test_agrees_with_ducc(band_limit):
    agrees_with_ducc(band_limit, 1e-13)


@pytest.mark.slow
def test_agrees_with_ducc_at_band_limit_1024():
    agrees_with_ducc(1024, 1e-12)


@pytest.mark.parametrize("traced", [False, True])
def test_float32_at_band_limit_256(traced):
    # With x64 off. The product of an angle and m must not be rounded to float32.
    single = random_coefficients(0, {0: 1}, 256)
    angles = tuple(map(jnp.float32, ANGLES)) if traced else ANGLES
    found = np.asarray(st.rotate_coefficients(single, angles)[0])
    assert found.dtype == np.complex64
    with jax.enable_x64(True):
        double = {0: jnp.asarray(np.asarray(single[0], np.complex128))}
        expected = np.asarray(st.rotate_coefficients(double, tuple(map(float, angles)))[0])
    assert np.linalg.norm(found - expected) < 1e-6 * np.linalg.norm(expected)


@pytest.mark.parametrize(
    ("band_limit", "dtype"), [(1, "float64"), (2, "float64"), (16, "float64"), (33, "float32")]
)
def test_table_and_recursion_are_one_operator(band_limit, dtype):
    with jax.enable_x64(dtype == "float64"):
        # What stands where |m| > ell must have no effect.
        shape = (band_limit, 2 * band_limit - 1, 2, 3)
        values = np.random.default_rng(0).normal(size=shape).astype(dtype)
        table = quarter_turn._table(band_limit).astype(dtype)
        forth, back = quarter_turn.QuarterTurn(), quarter_turn.QuarterTurn().transpose
        expected = st.wigner_d(band_limit, np.pi / 2)
        for operator, order in ((forth, "lmn"), (back, "lnm")):
            product = np.einsum(f"{order},lnbc->lmbc", expected, values)
            for tables in (table, None):
                found = jax.jit(operator)(tables, values)
                assert found.dtype == dtype
                tolerance = 3e-6 if dtype == "float32" else 1e-13
                np.testing.assert_allclose(found, product, atol=tolerance)


def test_the_scaling_for_very_high_band_limits_changes_nothing():
    with jax.enable_x64(True):
        multiply = jax.jit(quarter_turn._multiply_by_recursion, static_argnums=1)
        folded = quarter_turn._fold(normal(0, (9, 17, 1)))
        plain, scaled = (multiply(folded, band_limit) for band_limit in (9, 2500))
        np.testing.assert_allclose(scaled, plain, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("band_limit", "order"), [(4, 2), (66, 1)])  # by table, by recursion
def test_derivatives_by_coefficients_and_angles(band_limit, order):
    with jax.enable_x64(True):
        coefficients = random_coefficients(0, {0: 1}, band_limit, batch=2)[0]
        angles = st.random_euler_angles(jax.random.key(1), (2,))
        angles = (angles[0], angles[1], jnp.array(0.3))  # one of them common to the batch

        def turn(coefficients, angles):
            return st.rotate_coefficients({0: coefficients}, angles)[0]

        check_grads(turn, (coefficients, angles), order=order, modes=("fwd", "rev"), eps=1e-6)


def test_derivatives_in_float32_without_x64():
    coefficients = random_coefficients(0, {0: 1}, 70)[0]
    direction = random_coefficients(1, {0: 1}, 70)[0]

    def overlap(coefficients, *angles):
        turned = st.rotate_coefficients({0: coefficients}, angles)[0]
        return jnp.vdot(direction, turned).real

    gradient = jax.jit(jax.grad(overlap, (0, 1, 2, 3)))
    angles = tuple(map(np.float32, ANGLES))
    found = gradient(coefficients, *angles)
    with jax.enable_x64(True):
        double = np.asarray(coefficients, np.complex128)
        direction = np.asarray(direction, np.complex128)
        expected = jax.grad(overlap, (0, 1, 2, 3))(double, *map(np.float64, angles))
    for single, right in zip(found, expected, strict=True):
        assert single.dtype in (np.float32, np.complex64)
        error = np.linalg.norm(np.asarray(single) - np.asarray(right))
        assert error < 2e-5 * np.linalg.norm(np.asarray(right))


def test_vmap_over_maps_and_rotations():
    coefficients = random_coefficients(0, {0: 1}, 66, batch=3)[0]
    angles = st.random_euler_angles(jax.random.key(1), (3,))

    def turn(coefficients, angles):
        return st.rotate_coefficients({0: coefficients}, angles)[0]

    expected = turn(coefficients, angles)
    each = jax.jit(jax.vmap(turn))(coefficients[:, None], angles)[:, 0]
    np.testing.assert_allclose(each, expected, atol=2e-5)
    one_map = jax.vmap(turn, (None, 0))(coefficients[:1], angles)[0]
    np.testing.assert_allclose(one_map, expected[:1], atol=2e-5)


@pytest.mark.usefixtures("fully_optimized")
def test_memory_of_the_gradient_grows_as_the_coefficients():
    coefficients = random_coefficients(0, {0: 1}, 256)[0]

    def loss(coefficients, angles):
        return (jnp.abs(st.rotate_coefficients({0: coefficients}, angles)[0]) ** 4).sum()

    angles = tuple(map(jnp.float32, ANGLES))
    compiled = jax.jit(jax.grad(loss, (0, 1))).lower(coefficients, angles).compile()
    # All planes, of one quarter and in float32, would take 64 MiB; the coefficients take one.
    assert compiled.memory_analysis().temp_size_in_bytes < 16 * coefficients.nbytes


@pytest.mark.parametrize(("low", "high"), [(80, 380), (400, 1000)])
def test_the_program_does_not_grow_with_the_band_limit(low, high):
    def length(band_limit):
        shape = jax.ShapeDtypeStruct((1, band_limit, 2 * band_limit - 1, 1), jnp.complex64)
        program = jax.jit(lambda values: st.rotate_coefficients({0: values}, ANGLES)).lower(shape)
        return len(program.as_text("stablehlo").splitlines())

    assert length(high) == length(low)


def test_a_band_limit_beyond_the_recursion_is_refused():
    values = jax.ShapeDtypeStruct((1, 2601, 5201, 1), jnp.complex64)
    with pytest.raises(ValueError, match=r"2601.*up to 2600"):
        jax.eval_shape(lambda values: st.rotate_coefficients({0: values}, ANGLES), values)


def test_a_rotated_field_is_the_field_at_turned_points():
    grid = st.EquiangularGrid(16)
    transform = st.SpinTransform(grid, spins=(0, 1))
    coefficients = random_coefficients(0, {0: 1, 1: 1}, 8, real_scalars=True)
    field = transform.inverse(coefficients)
    field[0] = field[0].real
    turned = rotate_field(transform, field, ANGLES)
    assert turned[0].dtype == np.float32
    assert turned[1].dtype == np.complex64

    theta, phi = np.meshgrid(grid.colatitudes, grid.longitudes, indexing="ij")
    back = directions(theta, phi) @ st.rotation_matrix(ANGLES)
    theta, phi = np.arccos(np.clip(back[..., 2], -1, 1)), np.arctan2(back[..., 1], back[..., 0])
    harmonics = st.spin_spherical_harmonics(8, 0, theta, phi)
    expected = np.einsum("lm,jklm->jk", np.asarray(coefficients[0])[0, :, :, 0], harmonics)
    np.testing.assert_allclose(turned[0][0, :, :, 0], expected, atol=2e-5)

    expected = transform.inverse(st.rotate_coefficients({1: coefficients[1]}, ANGLES))[1]
    np.testing.assert_allclose(turned[1], expected, atol=2e-5)


def test_a_complex_scalar_stays_complex():
    transform = st.SpinTransform(st.EquiangularGrid(8))
    field = {0: jnp.ones((1, 8, 8, 1), jnp.complex64)}
    assert rotate_field(transform, field, ANGLES)[0].dtype == np.complex64
