"""A run knows which versions of its datasets it is of."""

import json
import shutil

import pytest

import spin_train
from spin_train.cli.evaluate import main as evaluate_main


@pytest.fixture
def versions(config, tmp_path, monkeypatch):
    """A run on data of version 1.0.0 in tmp_path, stopped after step 2; sets the version of now."""

    def now(version):
        monkeypatch.setenv("TINY_SPHERES_VERSION", version)

    config.update({"num_train_steps": 4, "checkpoint_every_steps": 2})
    config.eval_dataset = "tiny_spheres/dark"
    now("1.0.0")
    spin_train.train(config, tmp_path)
    shutil.rmtree(tmp_path / "checkpoints" / "4")
    return now


BOTH_OLD = {"tiny_spheres/bytes": "1.0.0", "tiny_spheres/dark": "1.0.0"}


def recorded_in(workdir):
    return json.loads((workdir / "config.json").read_text())


@pytest.mark.parametrize("version", ["2.0.0", ""])
def test_a_run_does_not_go_on_with_another_version_of_its_data(config, tmp_path, versions, version):
    assert recorded_in(tmp_path)["data_versions"] == BOTH_OLD
    versions(version)
    with pytest.raises(spin_train.UserError, match="another version of its data") as error:
        spin_train.train(config, tmp_path)
    for name in BOTH_OLD:
        assert f"{name!r} is in version {version or '(none stated)'} now" in str(error.value)
    assert recorded_in(tmp_path)["data_versions"] == BOTH_OLD
    versions("1.0.0")
    assert spin_train.train(config, tmp_path)["num_train_steps"] == 4


def test_what_an_older_run_began_with_stays_unknown(config, tmp_path, versions, capsys):
    older = recorded_in(tmp_path)
    del older["data_versions"]
    (tmp_path / "config.json").write_text(json.dumps(older))
    spin_train.train(config, tmp_path)
    said = capsys.readouterr().out
    assert "did not record which version of 'tiny_spheres/dark' it began with" in said
    assert recorded_in(tmp_path)["data_versions"] == {}


def test_evaluations_and_exports_say_the_version(config, tmp_path, versions, capsys):
    versions("2.0.0")
    words = ["--workdir", str(tmp_path), "--examples", "0"]
    assert evaluate_main(words) == 0
    note = "note: trained on version 1.0.0 of 'tiny_spheres/bytes', which is in 2.0.0 now"
    assert note in capsys.readouterr().out
    (path,) = tmp_path.glob("evaluation_*.json")
    assert json.loads(path.read_text())["dataset_version"] == "2.0.0"
    described = spin_train.export(tmp_path, tmp_path / "weights.safetensors")
    assert described["dataset_version"] == "1.0.0"
