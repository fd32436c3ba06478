import pathlib
import re
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import sphere_transforms as st
import spin_registry as sr

PACKAGE = pathlib.Path(__file__).parents[1]
NAMES = {
    "tiny_classifier",
    "tiny_cnn_classifier",
    "spin_classifier_6_layers",
    "gated_spin_classifier_6_layers",
    "spherical_classifier_6_layers",
    "cnn_classifier_6_layers",
}


def create(name, resolution=32, channels=None, **options):
    spec = sr.FieldSpec(st.EquiangularGrid(resolution), channels or {0: 1})
    return sr.get_model(name).create(
        input=spec, output=sr.ClassSpec(5), rngs=nnx.Rngs(0), **options
    )


def test_the_readme_example_runs():
    (example,) = re.findall(r"```python\n(.*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL)
    exec(compile(example, "README.md", "exec"), {})


def test_every_model_is_registered_by_this_distribution():
    assert set(sr.model_names()) >= NAMES
    assert not sr.broken_plugins()


def test_the_plugin_imports_nothing_heavy():
    program = (
        "import sys, spin_models.plugin as p; p.register_models(); "
        "assert not {'jax', 'flax', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("name", ["tiny_classifier", "tiny_cnn_classifier"])
def test_tiny_models_have_like_sizes_and_train(name):
    model = create(name)
    count = sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model, nnx.Param)))
    assert 11_000 < count < 12_000
    field = {0: jax.random.uniform(jax.random.key(0), (3, 32, 32, 1))}
    grad = nnx.jit(nnx.grad(lambda m: jnp.sum(m(field, train=True) ** 2)))(model)
    assert all(bool(jnp.any(leaf != 0)) for leaf in jax.tree.leaves(grad)[-2:])


def test_the_gated_network_has_no_more_parameters_than_the_published_one():
    field, classes = sr.FieldSpec(st.EquiangularGrid(64), {0: 1}), sr.ClassSpec(10)
    counts = [
        sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model, nnx.Param)))
        for name in ("gated_spin_classifier_6_layers", "spin_classifier_6_layers")
        for model in [sr.get_model(name).create(input=field, output=classes, rngs=nnx.Rngs(0))]
    ]
    assert counts == [38_642, 39_146]


def test_other_spins_and_vector_inputs():
    model = create("tiny_classifier", channels={0: 2, 1: 1}, spins=(-1, 0, 2))
    field = {
        0: jnp.ones((2, 32, 32, 2)),
        1: jax.random.normal(jax.random.key(0), (2, 32, 32, 1), jnp.complex64),
    }
    logits = nnx.jit(lambda m: m(field, train=True))(model)
    assert logits.shape == (2, 5)
    assert bool(jnp.isfinite(logits).all())


@pytest.mark.parametrize(
    ("name", "field", "message"),
    [
        ("tiny_classifier", {0: jnp.ones((1, 16, 16, 1))}, r"\(batch, 32, 32, 1\)"),
        ("tiny_classifier", {1: jnp.ones((1, 32, 32, 1))}, r"0: \(batch, 32, 32, 1\)"),
        ("tiny_classifier", {0: jnp.ones((1, 32, 32, 1), jnp.uint8)}, "divided by 255"),
        ("tiny_cnn_classifier", {0: jnp.ones((1, 16, 16, 1))}, r"\(batch, 32, 32, 1\)"),
    ],
)
def test_a_field_that_does_not_fit_is_refused(name, field, message):
    with pytest.raises(ValueError, match=message):
        create(name)(field)


@pytest.mark.parametrize("name", ["tiny_classifier", "tiny_cnn_classifier"])
def test_an_empty_batch_has_no_logits(name):
    grid = st.EquiangularGrid(32)
    model = sr.get_model(name).create(
        input=sr.FieldSpec(grid, {0: 1}), output=sr.ClassSpec(3), rngs=nnx.Rngs(0)
    )
    assert model({0: jnp.zeros((0, *grid.shape, 1))}, train=False).shape == (0, 3)


def test_what_a_model_cannot_be_made_for_is_refused():
    with pytest.raises(ValueError, match="spin 0 alone"):
        create("tiny_cnn_classifier", channels={0: 1, 1: 1})
    with pytest.raises(ValueError, match="each option needs one entry for each layer"):
        create("tiny_classifier", widths=(8, 8))
    with pytest.raises(ValueError, match="filter_values is 6"):
        create("tiny_classifier", resolution=8)


@pytest.mark.parametrize("name", ["tiny_classifier", "spin_classifier_6_layers"])
def test_a_network_holds_no_table_twice(name):
    """Apart from the interpolations of the filters, which are small."""
    model = create(name, 64)
    *_, constants = nnx.split(model, nnx.Param, nnx.BatchStat, ...)
    leaves = [leaf for leaf in jax.tree.leaves(constants) if leaf.size > 1000]
    distinct = {(leaf.shape, leaf.dtype.name, np.asarray(leaf).tobytes()) for leaf in leaves}
    assert len(leaves) == len(distinct) > 3


def test_networks_on_healpix():
    spec = sr.FieldSpec(st.HealpixGrid(8), {0: 1})
    model = sr.get_model("tiny_classifier").create(
        input=spec, output=sr.ClassSpec(5), rngs=nnx.Rngs(0)
    )
    field = {0: jax.random.uniform(jax.random.key(0), (3, 768, 1))}
    assert model(field).shape == (3, 5)
    found = model.features(field)
    assert [grid for grid, _ in found.values()] == [st.HealpixGrid(n) for n in (8, 8, 4)]
    for grid, values in found.values():
        assert values[1].shape[:2] == (3, *grid.shape)
    with pytest.raises(ValueError, match="reads a map of latitudes and longitudes"):
        sr.get_model("tiny_cnn_classifier").create(
            input=spec, output=sr.ClassSpec(5), rngs=nnx.Rngs(0)
        )
