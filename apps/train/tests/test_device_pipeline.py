"""Batches on the device: looked up, decoded, rotated; the same wherever the records are."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import sphere_transforms as st
import spin_data
import spin_train
from spin_registry import ClassSpec, FieldSpec
from spin_train.cli.train import main
from spin_train.configuration import complete_config
from spin_train.devices.device_pipeline import DevicePipeline
from spin_train.devices.sharding import data_mesh, replicate, shard_batch
from spin_train.errors import ConfigurationError, DatasetError
from spin_train.optimization.steps import score_gradients
from spin_train.training import loop
from spin_train.training.data import check_same_specs
from spin_train.training.setup import make_setup


def assert_close(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * np.max(np.abs(theirs)))


@pytest.mark.parametrize("rotate", [False, pytest.param(True, marks=pytest.mark.exact)])
def test_where_records_are_held_changes_nothing(config, tmp_path, curve, rotate):
    config.augment_rotation = rotate
    config.combine_train_val_and_eval_on_test = True
    for placement in ("disk", "memory", "device", "auto"):
        config.data_placement = placement
        spin_train.train(config, tmp_path / placement)
        assert curve(tmp_path / placement) == curve(tmp_path / "disk"), placement


def test_on_the_device_batches_are_indices(config):
    config.data_placement = "device"
    config.augment_rotation = True
    setup = make_setup(config)
    batches, pipeline = setup.data.training_input(setup.mesh, 16)
    batch = next(batches)
    assert {name: array.shape for name, array in batch.items()} == {
        "index": (16,),
        "rotation": (16, 3),
    }
    field, found = jax.jit(pipeline.__class__.__call__)(pipeline, batch)
    config.data_placement = "memory"
    expected = next(make_setup(config).data.training_input(setup.mesh, 16)[0])
    np.testing.assert_array_equal(found["label"], expected["label"])
    assert field[0].shape == (16, 8, 8, 1)


def test_a_rotation_turns_the_fields_that_the_records_hold():
    """Against `rotate_field` of each example alone: bytes, pairs of bytes and complex values."""
    grid = st.EquiangularGrid(8)
    transform = st.SpinTransform(grid, (-1, 0, 1))
    rng = np.random.default_rng(0)
    complex_values = rng.normal(size=(3, 8, 8, 1, 2)).astype(np.float32)
    inputs = {
        "spin_0": rng.integers(0, 256, (3, 8, 8, 2), np.uint8),
        "spin_1": rng.integers(-127, 128, (3, 8, 8, 1, 2), np.int8),
        "spin_-1": complex_values.view(np.complex64)[..., 0],
    }
    angles = np.stack(st.random_euler_angles(rng, (3,)), -1).astype(np.float32)
    batch = {"input": inputs, "label": np.arange(3), "rotation": angles}
    field, _ = DevicePipeline(transform=transform)(jax.tree.map(jnp.asarray, batch))
    assert field[0].dtype == jnp.float32
    plain = spin_data.decode_fields(inputs)
    for example in range(3):
        alone = {spin: values[example][None] for spin, values in plain.items()}
        expected = st.rotate_field(transform, alone, tuple(float(a) for a in angles[example]))
        for spin in field:
            np.testing.assert_allclose(field[spin][example], expected[spin][0], atol=2e-6)


@pytest.mark.usefixtures("fully_optimized")
def test_rotated_gradients_agree_on_one_device_and_eight(config):
    config.dataset = "tiny_spheres/spins"
    config.augment_rotation = True
    setup = make_setup(config)
    batches, _ = setup.data.training_input(setup.mesh, setup.global_batch_size, 3)
    batch = next(batches)
    model = setup.model
    texts = []

    def gradients(devices):
        mesh = data_mesh(devices)
        variables = replicate(model.variables, mesh)
        transform = st.SpinTransform(setup.data.dataset.input.grid, (0, 1))
        pipeline = replicate(DevicePipeline(transform=transform), mesh)
        arguments = (variables, shard_batch(batch, mesh), jnp.int32(1), pipeline)
        function = jax.jit(partial(score_gradients, model, setup.task))
        compiled = function.lower(*arguments).compile()
        texts.append(compiled.as_text())
        return compiled(*arguments)

    one, eight = jax.device_get((gradients(jax.devices()[:1]), gradients(jax.devices())))
    jax.tree.map(assert_close, one, eight)
    assert "all-gather" not in texts[1]


@pytest.mark.exact
def test_a_run_with_rotations_goes_on_exactly_where_it_stopped(
    config, tmp_path, monkeypatch, curve
):
    config.augment_rotation = True
    config.log_loss_every_steps = 1
    spin_train.train(config, tmp_path / "whole")
    plain = config.copy_and_resolve_references()
    plain.augment_rotation = False
    spin_train.train(plain, tmp_path / "plain")
    assert curve(tmp_path / "plain") != curve(tmp_path / "whole")
    calls = []

    def until_the_power_fails(batch, mesh):
        calls.append(batch)
        if len(calls) == 6:
            raise ConnectionError("power failure")
        return shard_batch(batch, mesh)

    monkeypatch.setattr(loop, "shard_batch", until_the_power_fails)
    with pytest.raises(ConnectionError):
        spin_train.train(config, tmp_path / "broken")
    monkeypatch.undo()
    # What only places and reads records may change in between.
    config.data_placement, config.data_threads = "device", 0
    spin_train.train(config, tmp_path / "broken")
    assert curve(tmp_path / "broken") == curve(tmp_path / "whole")


def test_an_unknown_placement_is_refused(config):
    config.data_placement = "devcie"
    with pytest.raises(ConfigurationError, match=r"one of auto, .*, not 'devcie'.*'device'"):
        complete_config(config)


@pytest.mark.parametrize("placement", ["disk", "memory", "device"])
@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_bad_record_is_one_line_that_names_it(tmp_path, capsys, placement, split):
    """From a file of the user's, found bad in the middle of a run."""
    rng, folder = np.random.default_rng(0), tmp_path / "data"
    folder.mkdir()
    for name in ("train", "validation"):
        values = rng.random((40, 8, 8, 1), np.float32)
        if name == split:
            values[17, 3] = np.nan
        records = [{"input": {"spin_0": v}, "label": i % 2} for i, v in enumerate(values)]
        spin_data.write_fields(folder / f"{name}.array_record", records)
    overrides = {
        "dataset": f"fields:{folder}",
        "model_name": "tiny_spheres_net",
        "data_placement": placement,
        "per_device_batch_size": 1,
        "num_train_steps": 12,
        "dataset_options.num_classes": 2,
    }
    words = [word for key, value in overrides.items() for word in (f"--config.{key}", str(value))]
    assert main(["--workdir", str(tmp_path / "run"), "--config", "default", *words]) == 2
    errors = capsys.readouterr().err.splitlines()
    (line,) = [line for line in errors if line.startswith("spin-train: ")]
    assert f"{folder / split}.array_record: record 17 cannot be read (spin_0 has values" in line


def test_other_classes_and_other_grids_of_one_shape_are_refused():
    grid, output = st.EquiangularGrid(8), ClassSpec(2)

    def dataset(grid=grid, names=()):
        return spin_data.Dataset(FieldSpec(grid), output, {}, class_names=names)

    cats = dataset(names=("cat", "dog"))
    check_same_specs("a", cats, "b", dataset(names=("cat", "dog")))
    check_same_specs("a", cats, "b", dataset())
    with pytest.raises(
        DatasetError, match=r"'b' has classes \('ant', 'bee'\), but .* \('cat', 'dog'\)"
    ):
        check_same_specs("a", cats, "b", dataset(names=("ant", "bee")))
    fejer = st.FejerGrid(4)
    with pytest.raises(DatasetError, match=r"has grid FejerGrid, but .* EquiangularGrid"):
        check_same_specs("a", dataset(), "b", dataset(fejer))


def test_another_grid_of_one_class_and_shape_is_refused():
    @dataclasses.dataclass(frozen=True)
    class Shifted:
        offset: float
        shape = (8, 8)
        ring_colatitudes = st.FejerGrid(4).colatitudes
        ring_lengths = np.full(8, 8)

        @property
        def ring_offsets(self):
            return np.full(8, self.offset)

    def dataset(offset):
        return spin_data.Dataset(FieldSpec(Shifted(offset)), ClassSpec(2), {})

    check_same_specs("a", dataset(1.0), "b", dataset(1.0))
    with pytest.raises(DatasetError, match=r"'b' has grid .*offset=1.0.*on 'a'"):
        check_same_specs("a", dataset(0.0), "b", dataset(1.0))


def test_auto_takes_the_device_where_it_has_room(config, monkeypatch):
    setup = make_setup(config)
    size = spin_data.source_bytes(setup.data.train_source)

    def trains_from(platform, limit):
        class Device:
            memory_stats = staticmethod(lambda: limit and {"bytes_limit": limit})

        Device.platform = platform
        Mesh = type("Mesh", (), {"local_devices": [Device], "size": 8})
        return setup.data.trains_from_device(Mesh)

    assert trains_from("gpu", 8 * size)
    assert not trains_from("gpu", 8 * size - 8)
    assert not trains_from("gpu", None)
    assert not trains_from("cpu", 1000 * size)


def test_workers_read_from_disk(config, monkeypatch):
    """Held in memory, a dataset would be read whole by every worker."""
    config.data_workers = 2
    config.dataset = "tiny_spheres/bytes"
    setup = make_setup(config)
    on_disk = [{"input": {"spin_0": np.zeros((8, 8, 1), np.uint8)}, "label": 0}] * 40
    held = spin_data.InMemorySource(on_disk, "a test")
    splits = dict(setup.data.dataset.splits) | {"train": held}
    dataset = dataclasses.replace(setup.data.dataset, splits=splits)
    given = []
    monkeypatch.setattr(
        spin_data, "training_iterator", lambda source, **options: given.append(source) or iter(())
    )
    data = dataclasses.replace(setup.data, dataset=dataset)
    list(data.training_input(setup.mesh, 16)[0])
    assert given[0] is on_disk
    config.data_placement = "memory"
    with pytest.raises(ConfigurationError, match="each would hold them all"):
        complete_config(config)
