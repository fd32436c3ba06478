"""Training, report and use of a model on grids that are not equiangular."""

import jax
import ml_collections
import numpy as np
import pytest

import sphere_transforms as st
import spin_data
import spin_train
from spin_train.devices.sharding import data_mesh, replicate
from spin_train.training.setup import make_setup


@pytest.fixture
def on_grid(config, tmp_path):
    """Makes a configuration of a small network on two classes of fields on a grid."""

    def make(name, grid, **options):
        rng = np.random.default_rng(0)
        north = np.cos(grid.points[0])[..., None]
        spin_data.write_fields(
            tmp_path / f"{name}.npz",
            (
                {
                    "input": {
                        "spin_0": (sign * north + rng.normal(size=north.shape)).astype(np.float32)
                    },
                    "label": int(sign > 0),
                }
                for sign in rng.choice([-1, 1], 80)
            ),
        )
        config.dataset = f"fields:{tmp_path / name}.npz"
        config.dataset_options = ml_collections.ConfigDict({"grid": name})
        config.model_name = "tiny_classifier"
        config.model_options = ml_collections.ConfigDict(
            {"widths": (2, 2), "filter_values": (2, 2), "pool": (False, True), **options}
        )
        config.update({"num_train_steps": 3, "eval_every_steps": 100, "report_examples": 4})
        return config

    return make


@pytest.mark.parametrize(
    ("name", "grid", "options"),
    [
        ("gauss_legendre", st.GaussLegendreGrid(4), {}),
        ("healpix", st.HealpixGrid(2), {}),
        pytest.param(
            *("mcewen_wiaux", st.McEwenWiauxGrid(4), {"pooling": "spectral"}),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_run_on_another_grid_and_its_report(on_grid, tmp_path, name, grid, options):
    summary = spin_train.train(on_grid(name, grid, **options), tmp_path / "run")
    assert np.isfinite(summary["validation"]["eval_loss"])
    assert spin_train.evaluate(tmp_path / "run", split="validation") == summary["validation"]
    report = (tmp_path / "run" / "report.html").read_text()
    assert "block 2" in report
    assert "nothing was rotated" not in report
    assert report.count("data:image/png") == 2  # examples and feature maps, on the sphere


def test_a_grid_that_a_model_cannot_serve_is_refused_before_training(on_grid, tmp_path):
    config = on_grid("mcewen_wiaux", st.McEwenWiauxGrid(4))
    with pytest.raises(spin_train.UserError, match=r"'tiny_classifier': pooling.*'spectral'"):
        spin_train.train(config, tmp_path / "run")
    config = on_grid("healpix", st.HealpixGrid(2))
    config.update({"model_name": "tiny_cnn_classifier"})
    config.model_options = ml_collections.ConfigDict({"widths": (2,), "pool": (False,)})
    with pytest.raises(spin_train.UserError, match=r"reads a map of latitudes and longitudes"):
        spin_train.train(config, tmp_path / "run")


def test_tables_are_on_every_device_once(on_grid):
    """`replicate` copies each array that it is given: shared tables must come to it once."""
    setup = make_setup(on_grid("gauss_legendre", st.GaussLegendreGrid(32)))
    tables = jax.tree.leaves(setup.model.variables.constants["others"])
    distinct = {(leaf.shape, np.asarray(leaf).tobytes()): leaf.nbytes for leaf in tables}
    mesh = data_mesh()
    copies = jax.tree.leaves(replicate(setup.model.variables.constants, mesh))
    held = sum(
        shard.data.nbytes
        for leaf in copies
        if jax.numpy.issubdtype(leaf.dtype, jax.numpy.floating)
        for shard in leaf.addressable_shards
    )
    assert held == mesh.size * sum(distinct.values())
