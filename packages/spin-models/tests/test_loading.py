"""Trained models from files, without the runner."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import sphere_transforms as st
import spin_layers as sl
import spin_models
import spin_registry as sr

GRID = st.EquiangularGrid(16)
METADATA = {
    "model_name": "tiny_classifier",
    "model_options": {"widths": [4, 6], "filter_values": [3, 3], "pool": [False, True]},
    "input": {"grid": st.describe_grid(GRID), "channels": {"0": 1}},
    "output": {"num_classes": 3},
}


def make(seed):
    return sr.get_model("tiny_classifier").create(
        input=sr.FieldSpec(GRID, {0: 1}),
        output=sr.ClassSpec(3),
        rngs=nnx.Rngs(seed),
        **METADATA["model_options"],
    )


def test_a_loaded_model_is_the_one_that_was_written(tmp_path):
    model = make(5)
    images = jnp.asarray(np.random.default_rng(0).random((4, 16, 16, 1), np.float32))
    model({0: images}, train=True)
    sl.write_weights(tmp_path / "w", model, METADATA)
    loaded = spin_models.load(tmp_path / "w")
    np.testing.assert_array_equal(loaded({0: images}), model({0: images}))


def test_files_of_no_model(tmp_path):
    model = make(0)
    sl.write_weights(tmp_path / "w", model, {"model_name": "tiny_classifier"})
    with pytest.raises(
        ValueError,
        match=r"does not say which model it is of .*it lacks model_options, input, output",
    ):
        spin_models.load(tmp_path / "w")
    sl.write_weights(tmp_path / "w", model, METADATA | {"model_name": "tiny_clasifier"})
    with pytest.raises(sr.RegistryError, match="did you mean 'tiny_classifier'"):
        spin_models.load(tmp_path / "w")
    sl.write_weights(tmp_path / "w", model, METADATA | {"output": {"num_classes": 4}})
    with pytest.raises(ValueError, match=r"params.head.bias has shape \(4,\), the file's \(3,\)"):
        spin_models.load(tmp_path / "w")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"output": {"num_classes": 10**12}}, "do not fit this model: params.head"),
        ({"input": {"channels": {"0": 10**12}}}, "do not fit this model: params.blocks.0"),
        ({"input": {"channels": {"0": 10**30}}}, "cannot be created with the options"),
        ({"input": {"grid": {"kind": "EquiangularGrid", "resolution": 10**6}}}, "MemoryError"),
        (
            {"input": {"grid": {"kind": "EquiangularGrid", "resolution": 10**13}}},
            "MemoryError|large",
        ),
        ({"model_options": {"widths": [4, 10**9]}}, "do not fit this model: params.blocks.1"),
        ({"model_options": {"filter_values": [3, 10**9]}}, "filter"),
        ({"model_options": {"widths": "ab"}}, "cannot be created with the options"),
        ({"model_options": {"widths": [4, None]}}, "cannot be created with the options"),
        ({"model_options": {"pool": 3}}, "cannot be created with the options"),
        ({"class_names": ["a", "b"]}, "class_names has 2 names for 3 classes"),
    ],
)
def test_metadata_of_absurd_sizes_and_wrong_types(tmp_path, changed, message):
    """Each is one line, and takes no memory or time to speak of."""
    metadata = METADATA | {
        key: {**METADATA[key], **value} if isinstance(value, dict) else value
        for key, value in changed.items()
    }
    sl.write_weights(tmp_path / "w", make(0), metadata)
    with pytest.raises((ValueError, sr.RegistryError), match=message) as raised:
        spin_models.load(tmp_path / "w")
    assert "\n" not in str(raised.value)


def test_pretrained_weights_are_listed_and_load():
    name, dataset = "spin_classifier_6_layers", "spherical_mnist/rotated"
    assert (name, dataset) in spin_models.pretrained_names()
    model = spin_models.load_pretrained(name, dataset)
    params = jax.tree.leaves(nnx.state(model, nnx.Param))
    assert sum(leaf.size for leaf in params) == 39_146
    there = r"there are .*\('spin_classifier_6_layers', 'spherical_mnist/rotated'\)"
    with pytest.raises(KeyError, match=there):
        spin_models.load_pretrained(name, "spherical_mnist/rotatd")


@pytest.mark.parametrize("name", ["tiny_classifier", "tiny_cnn_classifier"])
def test_features_are_the_fields_between_the_layers(name):
    """The last one, averaged over the sphere, is what the head of the network is given."""
    model = sr.get_model(name).create(
        input=sr.FieldSpec(GRID, {0: 1}), output=sr.ClassSpec(3), rngs=nnx.Rngs(0)
    )
    images = jnp.asarray(np.random.default_rng(0).random((2, 16, 16, 1), np.float32))
    features = model.features({0: images})
    assert len(features) == 3
    for grid, field in features.values():
        for values in field.values():
            assert values.shape[:3] == (2, *grid.shape)
    grid, last = list(features.values())[-1]
    pooled = sl.global_pool(last, grid) if name == "tiny_classifier" else last[0].mean((1, 2))
    np.testing.assert_allclose(model.head(pooled), model({0: images}), rtol=1e-4, atol=1e-5)
