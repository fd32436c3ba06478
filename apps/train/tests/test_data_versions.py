"""A run knows which versions of its datasets it is of."""

import json
import shutil

import jax
import numpy as np
import pytest
from PIL import Image

import spin_data
import spin_train
from spin_train.cli.evaluate import main as evaluate_main
from spin_train.training.setup import make_setup


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
    note = "note: the run used version 1.0.0 of 'tiny_spheres/dark', which is in 2.0.0 now"
    assert note in capsys.readouterr().out
    (path,) = tmp_path.glob("evaluation_*.json")
    assert json.loads(path.read_text())["dataset_version"] == "2.0.0"
    described = spin_train.export(tmp_path, tmp_path / "weights.safetensors")
    assert described["dataset_version"] == "1.0.0"


@pytest.fixture
def of_own_images(config, tmp_path):
    """A run on a folder of images, with one step left to make."""
    for name in ("a", "b"):
        for index in range(6):
            where = tmp_path / "data" / ("train" if index < 4 else "test") / name
            where.mkdir(parents=True, exist_ok=True)
            Image.new("L", (4, 4), 40 * index).save(where / f"{index}.png")
    config.update({"num_train_steps": 2, "checkpoint_every_steps": 1})
    config.dataset = f"images:{tmp_path / 'data'}"
    config.dataset_options.update({"grayscale": True, "resolution": 8})
    spin_train.train(config, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "checkpoints" / "2")
    return config


def test_a_run_does_not_go_on_with_a_changed_folder(of_own_images, tmp_path, capfd):
    new = tmp_path / "data" / "train" / "c"
    new.mkdir()
    Image.new("L", (4, 4)).save(new / "0.png")
    capfd.readouterr()
    with pytest.raises(spin_train.UserError, match="another version of its data") as error:
        spin_train.train(of_own_images, tmp_path / "run")
    assert "is in version 13 images of 3 classes (a, b, c), contents " in str(error.value)
    assert "the run used 12 images of 2 classes (a, b), contents " in str(error.value)
    assert "restore the data that the run began with" in str(error.value)
    assert capfd.readouterr() == ("", "")
    shutil.rmtree(new)
    assert "test" in spin_train.train(of_own_images, tmp_path / "run")


def test_a_run_does_not_go_on_with_a_changed_image(of_own_images, tmp_path):
    Image.new("L", (4, 4), 255).save(tmp_path / "data" / "train" / "a" / "0.png")
    with pytest.raises(spin_train.UserError, match="another version of its data"):
        spin_train.train(of_own_images, tmp_path / "run")
    assert "accuracy" in spin_train.evaluate(tmp_path / "run")


def test_a_new_class_is_named_by_an_evaluation(of_own_images, tmp_path, capfd):
    new = tmp_path / "data" / "train" / "c"
    new.mkdir()
    Image.new("L", (4, 4)).save(new / "0.png")
    capfd.readouterr()
    with pytest.raises(spin_train.UserError, match="c among the classes, which are a, b"):
        spin_train.evaluate(tmp_path / "run")
    assert capfd.readouterr() == ("", "")


def test_classes_and_projection_are_those_of_the_training(of_own_images, tmp_path):
    """Prediction and export need neither the folder nor its present names."""
    data, picture = tmp_path / "data", tmp_path / "wide.png"
    Image.effect_noise((16, 8), 90).save(picture)
    (before,) = spin_train.predict(spin_train.model_of_run(tmp_path / "run"), picture)
    (data / "train" / "a").rename(data / "train" / "z")
    (data / "test" / "a").rename(data / "test" / "z")
    (renamed,) = spin_train.predict(spin_train.model_of_run(tmp_path / "run"), picture)
    assert renamed == before
    assert set(before.probabilities) == {"a", "b"}
    shutil.rmtree(data)
    described = spin_train.export(tmp_path / "run", tmp_path / "weights")
    assert described["class_names"] == ["a", "b"]
    assert described["images"] == {"projection": "image", "inverted": False}
    assert described["dataset"] == "images:data"
    assert described["dataset_version"].startswith("12 images of 2 classes")
    (exported,) = spin_train.predict(spin_train.model_of_weights(tmp_path / "weights"), picture)
    assert exported == before
    # Twice as wide as high, and yet no panorama.
    model = spin_train.model_of_run(tmp_path / "run")
    as_image, as_panorama = (
        spin_train.predict(model, picture, projection=projection)[0].probabilities
        for projection in ("image", "panorama")
    )
    assert as_image == before.probabilities != as_panorama


@pytest.mark.parametrize("recorded", [True, False])
def test_images_are_read_as_in_the_training(config, tmp_path, recorded):
    """Panoramas of other proportions, turned by their EXIF data, and inverted."""
    for index in range(12):
        where = tmp_path / "data" / ("train" if index < 8 else "test") / "ab"[index % 2]
        where.mkdir(parents=True, exist_ok=True)
        picture = Image.new("L", (41, 81), 40 * (index % 2) + index)
        exif = picture.getexif()
        exif[0x0112] = 6  # shown turned by 90 degrees
        picture.save(where / f"{index}.png", exif=exif)
    config.update({"num_train_steps": 1})
    config.dataset = f"panoramas:{tmp_path / 'data'}"
    config.dataset_options.update({"grayscale": True, "resolution": 8, "inverted": True})
    spin_train.train(config, tmp_path / "run")
    if not recorded:  # as older runs
        written = recorded_in(tmp_path / "run")
        del written["model"]
        (tmp_path / "run" / "config.json").write_text(json.dumps(written))
    model = spin_train.model_of_run(tmp_path / "run")
    record = make_setup(config).data.eval_source("test")[0]
    logits = model.logits(spin_data.decode_fields({"spin_0": record["input"]["spin_0"][None]}))
    file = tmp_path / "data" / "test" / "a" / "10.png"
    (found,) = spin_train.predict(model, file)
    expected = np.asarray(jax.nn.softmax(logits)[0])
    assert found.probabilities["a"] == pytest.approx(float(expected[0]), abs=1e-6)
    (opposite,) = spin_train.predict(model, file, inverted=True)
    assert abs(opposite.probabilities["a"] - found.probabilities["a"]) > 1e-5


def test_without_a_record_an_image_that_exif_turns_is_no_panorama(tmp_path):
    picture = Image.new("L", (40, 20))
    exif = picture.getexif()
    for orientation, size in ((1, (40, 20)), (3, (40, 20)), (6, (20, 40)), (8, (20, 40))):
        exif[0x0112] = orientation
        picture.save(tmp_path / "a.png", exif=exif)
        assert spin_data.image_size(tmp_path / "a.png") == size


def test_a_relative_path_leads_to_the_same_folder_from_everywhere(
    of_own_images, tmp_path, monkeypatch
):
    of_own_images.dataset = "images:data"
    monkeypatch.chdir(tmp_path)
    spin_train.train(of_own_images, tmp_path / "second")
    assert recorded_in(tmp_path / "second")["config"]["dataset"] == f"images:{tmp_path / 'data'}"
    monkeypatch.chdir(tmp_path / "run")
    assert "accuracy" in spin_train.evaluate(tmp_path / "second")


def test_another_model_under_the_same_name_is_refused(of_own_images, tmp_path):
    """A plugin may change the options that it registers."""
    written = recorded_in(tmp_path / "run")
    written["model"]["model_options"]["since"] = 1
    (tmp_path / "run" / "config.json").write_text(json.dumps(written))
    with pytest.raises(spin_train.UserError, match="of another model, which differs in model_opt"):
        spin_train.train(of_own_images, tmp_path / "run")


def test_a_run_does_not_go_on_with_changed_labels(config, tmp_path):
    path = tmp_path / "fields.npz"
    fields = np.random.default_rng(0).random((20, 8, 8, 1), np.float32)
    np.savez(path, spin_0=fields, label=np.arange(20) % 2)
    config.update({"num_train_steps": 2, "checkpoint_every_steps": 1})
    config.dataset = f"fields:{path}"
    spin_train.train(config, tmp_path / "run")
    np.savez(path, spin_0=fields, label=np.arange(20) // 10)
    with pytest.raises(spin_train.UserError, match="another version of its data"):
        spin_train.train(config, tmp_path / "run")
