"""Tables and recursion: that they agree, how one is chosen, and what the recursion costs."""

import drawn_fields
import jax
import jax.numpy as jnp
import pytest
from drawn_fields import difference

import sphere_transforms as st
from sphere_transforms import grids
from sphere_transforms.transform import (
    MemoryEstimate,
    choose_method,
)

GRIDS = {
    "EquiangularGrid": lambda band_limit: grids.EquiangularGrid(2 * band_limit),
    "FejerGrid": lambda band_limit: grids.FejerGrid(2 * band_limit),
    "DriscollHealyGrid": grids.DriscollHealyGrid,
    "McEwenWiauxGrid": grids.McEwenWiauxGrid,
    "GaussLegendreGrid": grids.GaussLegendreGrid,
    "HealpixGrid": lambda band_limit: grids.HealpixGrid((band_limit + 1) // 2, band_limit),
}


def random_coefficients(spins, band_limit):
    return drawn_fields.random_coefficients(0, dict.fromkeys(spins, 1), band_limit)


@jax.jit
def there_and_back(transforms, coefficients):
    """For each transform the field of its coefficients, and what that gives back."""
    fields = [t.inverse(a) for t, a in zip(transforms, coefficients, strict=True)]
    return fields, [t.forward(f) for t, f in zip(transforms, fields, strict=True)]


# Band limits and spins, of which some are the largest there are. (The smallest EquiangularGrid has
# band limit 2.) At 4 and more test_properties.py compares the methods.
SMALLEST = {
    "EquiangularGrid": [(2, 1)],
    "FejerGrid": [(1, 0), (3, -2)],
    "DriscollHealyGrid": [(1, 0), (2, 1)],
    "McEwenWiauxGrid": [(1, 0), (3, -2)],
    "GaussLegendreGrid": [(1, 0), (2, 1), (3, 0)],
    "HealpixGrid": [(1, 0), (2, -1), (3, 2)],
}


@pytest.mark.parametrize("name", GRIDS)
def test_they_agree_at_the_smallest_band_limits(name):
    sizes = SMALLEST[name]
    with jax.enable_x64(True):
        coefficients = [random_coefficients((spin,), band_limit) for band_limit, spin in sizes]
        tables, recursion = (
            there_and_back(
                [st.SpinTransform(GRIDS[name](limit), (s,), method=method) for limit, s in sizes],
                coefficients,
            )
            for method in ("tables", "recursion")
        )
        assert difference(recursion, tables) < 5e-15
        if name != "HealpixGrid":
            assert difference(recursion[1], coefficients) < 5e-15


# Both methods take several blocks of orders, the last of which is not full. Even degrees are more
# than odd ones, and one of the grids has a ring on the equator.
@pytest.mark.parametrize("name", ["GaussLegendreGrid", "McEwenWiauxGrid"])
def test_they_agree_at_band_limit_99(name):
    grid, spins = GRIDS[name](99), (-3, 0)
    with jax.enable_x64(True):
        coefficients = [random_coefficients(spins, 99)]
        tables, recursion = (
            there_and_back([st.SpinTransform(grid, spins, method=method)], coefficients)
            for method in ("tables", "recursion")
        )
        assert difference(recursion, tables) < 5e-14
        assert difference(recursion[1], coefficients) < 1e-13


def test_auto_takes_tables_where_they_fit_and_recursion_where_they_do_not():
    grid, spins = st.EquiangularGrid(128), (0, 1)
    transform = st.SpinTransform(grid, spins)
    assert transform.method == "tables"
    # Tables and recursion need 2.0 and 1.1 MB here.
    assert transform.memory.recursion < 1_700_000 < transform.memory.tables
    small = st.SpinTransform(grid, spins, memory_limit=1_700_000)
    assert small.method == "recursion"
    assert small.memory.limit == 1_700_000
    assert "method='recursion'" in repr(small)
    assert jax.jit(lambda transform: transform)(small).method == "recursion"
    for method in ("tables", "recursion"):
        assert st.SpinTransform(grid, spins, method=method).method == method


@pytest.mark.parametrize(
    ("tables", "recursion", "chosen"),
    [
        (2**30, 2**20, "tables"),
        (2**30 + 1, 2**20, "recursion"),  # by default no more than a gigabyte
        (2**30 + 1, 2**35, "tables"),
        (2**35, 2**34, "recursion"),
    ],
)
def test_auto_goes_by_the_estimate(tables, recursion, chosen):
    estimate = MemoryEstimate(tables, recursion, limit=2**34)
    assert choose_method("auto", estimate, "it") == chosen


ESTIMATE = r"tables 2\.0 MB, recursion 1\.1 MB, limit 1\.0 MB"


@pytest.mark.parametrize(
    ("resolution", "options", "message"),
    [
        (128, {"memory_limit": 10**6}, f"method='auto': {ESTIMATE}.*Lower the band limit"),
        (128, {"memory_limit": 10**6, "method": "tables"}, f"method='tables': {ESTIMATE}"),
        (128, {"memory_limit": 10**6, "method": "recursion"}, f"method='recursion': {ESTIMATE}"),
        (8, {"method": "fft"}, "method is 'fft'; it must be one of auto, tables, recursion"),
    ],
)
def test_what_does_not_fit_is_refused(resolution, options, message):
    with pytest.raises(ValueError, match=message):
        st.SpinTransform(st.EquiangularGrid(resolution), (0, 1), **options)


@pytest.mark.parametrize("name", GRIDS)
def test_the_estimate_of_tables_is_their_size(name):
    transform = st.SpinTransform(GRIDS[name](66), (0, 1), method="tables")
    pairs = transform._legendre_tables.values()
    blocks = [tables.functions for pair in pairs for tables in pair]
    assert transform.memory.tables == sum(block.nbytes for block in jax.tree.leaves(blocks))


@pytest.mark.usefixtures("fully_optimized")
@pytest.mark.parametrize(("name", "spin"), [("EquiangularGrid", 0), ("McEwenWiauxGrid", 1)])
def test_the_recursion_has_memory_as_a_map_and_a_program_of_one_size(name, spin):
    lowered, memory = {}, {}
    for band_limit in (16, 32, 64, 128):
        grid = GRIDS[name](band_limit)
        transform = st.SpinTransform(grid, (spin,), method="recursion")
        field = {spin: jax.ShapeDtypeStruct((1, *grid.shape, 1), jnp.complex64)}
        lowered[band_limit] = jax.jit(lambda t, field: t.forward(field)).lower(transform, field)
    small, large = (lowered[band_limit].as_text() for band_limit in (16, 64))
    assert abs(len(large.splitlines()) - len(small.splitlines())) < 5
    assert len(large) < 1.1 * len(small)  # some signs (-1)^m are constants
    for band_limit in (32, 64, 128):
        memory[band_limit] = lowered[band_limit].compile().memory_analysis().temp_size_in_bytes
    # What grows as L^3 would grow eightfold.
    assert memory[64] < 4.2 * memory[32]
    assert memory[128] < 4.2 * memory[64]
    assert 0.5 < memory[128] / transform.memory.recursion < 2
