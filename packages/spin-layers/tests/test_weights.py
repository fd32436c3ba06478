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
TREE = {
    "params": {"a": np.arange(6, dtype=np.float32), "b": np.full(3, 1j, np.complex64)},
    "batch_stats": {"count": np.int32(7)},
}


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


def rewritten(path, change, checksum=True):
    """Changes the arrays and the header of a file with `change`, with a right checksum or none."""
    from safetensors import safe_open
    from safetensors.numpy import save_file

    with safe_open(path, framework="numpy") as file:
        header = file.metadata()
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    header.pop("checksum", None)
    change(arrays, header)
    if checksum:
        header["checksum"] = module._checksum(arrays, header)
    save_file(arrays, path, metadata=header)


def test_scalars_and_integers_keep_their_shape_and_dtype(tmp_path):
    sl.write_weights(tmp_path / "w", TREE)
    filled, unmatched, mismatched = sl.replaced_weights(TREE, sl.read_weights(tmp_path / "w"))
    assert unmatched == mismatched == ()
    assert filled["batch_stats"]["count"].shape == ()
    assert filled["batch_stats"]["count"].dtype == jnp.int32


def test_any_changed_bit_is_noticed(tmp_path):
    """The format itself notices few of them: bits of the arrays, and of the metadata's text."""
    path = tmp_path / "w"
    sl.write_weights(path, TREE, {"of": "a test", "numbers": [1, 2]})
    intact, whole = sl.read_weights(path), path.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    random = np.random.default_rng(0)
    refused = []
    places = [*random.integers(len(whole), size=300), *range(8 + length, len(whole))]
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 1 << int(random.integers(8))
        path.write_bytes(changed)
        try:
            found = sl.read_weights(path)
        except ValueError as error:
            refused.append(str(error))
        else:  # white space at the end of the header
            assert place < 8 + length
            assert found.metadata == intact.metadata
            jax.tree.map(np.testing.assert_array_equal, found.arrays, intact.arrays)
    assert len(refused) > 200
    for line in refused:
        assert str(path) in line
        assert "\n" not in line


def test_a_file_without_a_checksum_is_read_and_said(tmp_path):
    sl.write_weights(tmp_path / "w", TREE)
    rewritten(tmp_path / "w", lambda arrays, header: None, checksum=False)
    with pytest.warns(UserWarning, match=r"w' has no checksum, .* write it again with spin-export"):
        arrays = sl.read_weights(tmp_path / "w").arrays
    np.testing.assert_array_equal(arrays["params.a"], np.arange(6))


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("complex", "5"),
        ("complex", '["params.no"]'),
        ("complex", '[["params.b"]]'),
        ("complex", '["params.a"]'),
        ("complex", "[" * 5000 + "]" * 5000),
        ("metadata", "[1]"),
        ("metadata", "7"),
        ("metadata", "1" * 6000),
        ("metadata", "{"),
    ],
)
def test_a_header_of_the_wrong_types_is_one_line(tmp_path, key, text):
    sl.write_weights(tmp_path / "w", TREE)
    rewritten(tmp_path / "w", lambda arrays, header: header.update({key: text}))
    with pytest.raises(ValueError, match=r"w' has a damaged header: ") as raised:
        sl.read_weights(tmp_path / "w")
    assert "\n" not in str(raised.value)


def test_a_dtype_that_numpy_lacks_is_one_line(tmp_path):
    sl.write_weights(tmp_path / "w", {"params": {"a": np.ones(4, np.uint16)}})
    content = (tmp_path / "w").read_bytes()
    (tmp_path / "w").write_bytes(content.replace(b'"U16"', b'"BF16"').replace(b"  ", b" ", 1))
    content = bytearray((tmp_path / "w").read_bytes())
    content[:8] = (int.from_bytes(content[:8], "little")).to_bytes(8, "little")
    (tmp_path / "w").write_bytes(content)
    with pytest.raises(ValueError, match="w'"):
        sl.read_weights(tmp_path / "w")


def test_integers_are_no_weights_of_a_float_parameter(tmp_path):
    sl.write_weights(tmp_path / "w", {"params": {"a": np.ones(6, np.int32)}})
    own = {"params": {"a": jnp.zeros(6)}}
    _, unmatched, _ = sl.replaced_weights(own, sl.read_weights(tmp_path / "w"))
    assert unmatched == ("params.a is float32, the file's int32",)


@pytest.mark.parametrize("width", [10**5, 10**11])
def test_absurd_sizes_are_refused_before_anything_is_made(tmp_path, width):
    sl.write_weights(tmp_path / "w", make_block(0), {"width": width})
    weights = sl.read_weights(tmp_path / "w")
    width = weights.metadata["width"]
    with pytest.raises(ValueError, match="do not fit this model"):
        sl.create_with_weights(lambda: make_block(0, width), weights, [width])


def test_created_with_weights_it_is_the_model_that_was_written(tmp_path):
    written = make_block(3)
    sl.write_weights(tmp_path / "w", written)
    weights = sl.read_weights(tmp_path / "w")
    for sizes in ((), (2,), (10**6,)):  # the last one only has the shapes compared first
        created = sl.create_with_weights(lambda: make_block(1), weights, sizes)
        jax.tree.map(np.testing.assert_array_equal, states(created), states(written))


def test_a_factory_that_cannot_be_traced_is_called(tmp_path):
    def create():
        block = make_block(1)
        assert float(block.convolution.kernel[...].real.sum()) != 0  # a value, not a shape
        return block

    sl.write_weights(tmp_path / "w", make_block(3))
    created = sl.create_with_weights(create, sl.read_weights(tmp_path / "w"), [10**6])
    jax.tree.map(np.testing.assert_array_equal, states(created), states(make_block(3)))


def test_a_model_beyond_memory_is_one_line(tmp_path):
    def create():
        raise MemoryError("bad_alloc")

    sl.write_weights(tmp_path / "w", make_block(3))
    with pytest.raises(ValueError, match="needs more memory than there is"):
        sl.create_with_weights(create, sl.read_weights(tmp_path / "w"))


def test_a_file_without_a_count_of_updates_is_taken_to_have_had_many(tmp_path):
    block = make_block(3)
    block.normalization.updates[...] = jnp.asarray(7, jnp.int32)
    sl.write_weights(tmp_path / "new", block)
    weights = sl.read_weights(tmp_path / "new")
    created = make_block(1)
    sl.fill_weights(created, weights)
    assert created.normalization.updates[...] == 7
    del weights.arrays["batch_stats.normalization.updates"]
    sl.fill_weights(created, weights)
    assert created.normalization.updates[...] == sl.MANY_UPDATES
