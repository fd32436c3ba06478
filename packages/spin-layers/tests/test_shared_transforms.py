"""Blocks of one network hold each table once."""

import jax
import numpy as np
from flax import nnx

import sphere_transforms as st
import spin_layers as sl

GRID = st.EquiangularGrid(16)


def bytes_of(tree):
    return sum(leaf.nbytes for leaf in jax.tree.leaves(tree))


def blocks_of(transforms):
    rngs, options = nnx.Rngs(0), {"transforms": transforms}
    return nnx.List(
        [
            sl.SpinBlock(GRID, {0: 1}, {0: 2, 1: 2}, rngs=rngs, **options),
            sl.SpinBlock(GRID, {0: 2, 1: 2}, {0: 2, 1: 2}, rngs=rngs, **options),
            sl.SpinBlock(GRID, {0: 2, 1: 2}, {0: 2}, pool=True, rngs=rngs, **options),
        ]
    )


def test_who_asks_alike_gets_the_same_buffer():
    shared = sl.SharedTransforms()
    both = shared.real_basis(GRID, (0, 1))
    assert shared.real_basis(GRID, [1, 0], 8) is both
    assert shared.real_basis(GRID, (0,)) is both
    assert shared.real_basis(GRID, (0, 2)) is not both
    assert shared.real_basis(GRID, (0, 1), 4) is not both
    assert shared.real_basis(GRID, (0, 1), precision="default") is not both
    with jax.enable_x64(True):
        assert shared.real_basis(GRID, (0, 1)) is not both


def test_a_network_holds_every_table_once():
    blocks, apart = blocks_of(sl.SharedTransforms()), blocks_of(None)
    *_, held = nnx.split(blocks, nnx.Param, nnx.BatchStat, ...)
    alone = (
        st.RealBasisTransform(GRID, (0, 1)),
        st.RealBasisTransform(st.EquiangularGrid(8), (0, 1)),
    )
    interpolations = sum(bytes_of(block.convolution.interpolation[...]) for block in blocks)
    assert bytes_of(held) == bytes_of(alone) + interpolations
    *_, held_apart = nnx.split(apart, nnx.Param, nnx.BatchStat, ...)
    assert bytes_of(held_apart) > 1.8 * bytes_of(held)


def test_sharing_changes_no_result():
    field = {0: jax.random.normal(jax.random.key(0), (2, 16, 16, 1))}
    found = []
    for transforms in (sl.SharedTransforms(), None):
        values = field
        for block in blocks_of(transforms):
            values = block(values, train=True)
        found.append(values[0])
    np.testing.assert_array_equal(*found)
