"""Weights in files: what is written comes back, and what does not fit is said."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import sphere_transforms as st
import spin_layers as sl
from spin_layers import weights as module

GRID = st.EquiangularGrid(8)


def make_block(seed, width=2):
    return sl.SpinBlock(GRID, {0: 1, 1: 1}, {0: width, 1: width}, rngs=nnx.Rngs(seed))


def states(model):
    return nnx.to_pure_dict(nnx.state(model, nnx.Any(nnx.Param, nnx.BatchStat)))


def test_a_model_has_its_weights_back(tmp_path):
    first, second = make_block(0), make_block(1)
    field = {0: jnp.ones((1, 8, 8, 1)), 1: jnp.full((1, 8, 8, 1), 1 + 2j)}
    first(field, train=True)  # so that its statistics are not those of the start
    path = tmp_path / "block.safetensors"
    sl.write_weights(path, first, {"of": "a test", "numbers": [1, 2]})
    weights = sl.read_weights(path)
    assert weights.metadata == {"of": "a test", "numbers": [1, 2]}
    assert any(array.dtype == np.complex64 for array in weights.arrays.values())
    sl.fill_weights(second, weights)
    jax.tree.map(np.testing.assert_array_equal, states(second), states(first))
    jax.tree.map(
        np.testing.assert_array_equal, second(field, train=False), first(field, train=False)
    )


def test_a_mapping_is_written_like_a_model(tmp_path):
    tree = {"params": {"a": {0: jnp.ones(2), 1: jnp.ones(3) * 1j}}, "batch_stats": {}}
    sl.write_weights(tmp_path / "w", tree)
    arrays = sl.read_weights(tmp_path / "w").arrays
    assert set(arrays) == {"params.a.0", "params.a.1"}
    np.testing.assert_array_equal(arrays["params.a.1"], np.ones(3) * 1j)


def test_weights_of_another_model_are_refused_and_change_nothing(tmp_path):
    sl.write_weights(tmp_path / "w", make_block(0, width=3))
    model = make_block(1)
    before = jax.tree.map(np.array, states(model))
    with pytest.raises(ValueError, match=r"has shape .*, the file's .* and others"):
        sl.fill_weights(model, sl.read_weights(tmp_path / "w"))
    jax.tree.map(np.testing.assert_array_equal, states(model), before)


def test_what_fits_is_replaced_and_the_rest_is_named(tmp_path):
    own = {"params": {"a": jnp.zeros(2), "b": jnp.zeros(3), "c": jnp.zeros(1)}}
    theirs = {
        "params": {"a": jnp.ones(2), "b": jnp.ones(4), "c": jnp.ones(1) * 1j, "d": jnp.ones(1)}
    }
    sl.write_weights(tmp_path / "w", theirs)
    filled, unmatched, mismatched = sl.replaced_weights(own, sl.read_weights(tmp_path / "w"))
    np.testing.assert_array_equal(filled["params"]["a"], 1)
    np.testing.assert_array_equal(filled["params"]["b"], 0)
    assert unmatched == ("params.d is not in the model", "params.c is real, the file's complex")
    assert mismatched == ("params.b has shape (3,), the file's (4,)",)


def test_files_that_hold_no_weights(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file of weights"):
        sl.read_weights(tmp_path / "nothing")
    sl.write_weights(tmp_path / "w", {"params": {"a": jnp.ones(1000)}})
    (tmp_path / "w").write_bytes((tmp_path / "w").read_bytes()[:-100])
    with pytest.raises(ValueError, match="no intact file of safetensors"):
        sl.read_weights(tmp_path / "w")
    from safetensors.numpy import save_file

    save_file({"a": np.ones(2)}, tmp_path / "other")
    with pytest.raises(ValueError, match="has format None, expected 'spin-weights/1'"):
        sl.read_weights(tmp_path / "other")


def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
    sl.write_weights(tmp_path / "w", {"params": {"a": jnp.ones(2)}})

    def full(path, target):
        raise OSError("no space left")

    monkeypatch.setattr(module.Path, "replace", full)
    with pytest.raises(OSError, match="no space"):
        sl.write_weights(tmp_path / "w", {"params": {"a": jnp.zeros(2)}})
    monkeypatch.undo()
    np.testing.assert_array_equal(sl.read_weights(tmp_path / "w").arrays["params.a"], 1)
    assert [path.name for path in tmp_path.iterdir()] == ["w"]


def test_a_missing_folder_is_reported_with_the_file_s_name(tmp_path):
    path = tmp_path / "nowhere" / "w"
    with pytest.raises(FileNotFoundError) as raised:
        sl.write_weights(path, {"params": {"a": jnp.ones(2)}})
    assert raised.value.filename == str(path)
    assert "partial" not in str(raised.value)
