"""What can be done with a trained model: evaluate, export, load, label images, fine-tune."""

import dataclasses
import json
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import save_file

import spin_data
import spin_models
import spin_train
from spin_layers import read_weights
from spin_train.cli import evaluate, export, predict
from spin_train.cli.train import main
from spin_train.training.setup import make_setup
from spin_train.workdir.checkpoints import Checkpoints
from spin_train.workdir.identity import read_run

# One worker of pytest-xdist runs them all, so that the models are trained once.
pytestmark = pytest.mark.xdist_group("trained_models")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A small spin classifier of digits, trained a little, with all options that matter here."""
    config = spin_train.load_config("digits")
    config.dataset_options.resolution = 16
    config.model_options.update({"widths": (4, 6), "filter_values": (3, 3), "pool": (False, True)})
    config.update({"num_train_steps": 30, "report_examples": 8, "per_device_batch_size": 4})
    config.update({"combine_train_val_and_eval_on_test": False, "eval_every_steps": 10})
    workdir = tmp_path_factory.mktemp("run")
    spin_train.train(config, workdir)
    return workdir


@pytest.fixture(scope="module")
def weights(run, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "model.safetensors"
    assert export.main(["--workdir", str(run), "--output", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def digits(run):
    source = make_setup(read_run(run).config).data.eval_source("test")
    return spin_data.read_batch(source, np.arange(8))


def test_an_exported_model_needs_no_runner(run, weights, digits):
    """The same logits as of the run's own model."""
    field = spin_data.decode_fields(digits["input"])
    model = spin_models.load(weights)
    ours = spin_train.model_of_run(run).logits(field)
    np.testing.assert_allclose(model(field), ours, rtol=1e-5, atol=1e-5)
    again = spin_train.model_of_weights(weights).logits(field)
    np.testing.assert_array_equal(again, ours)
    metadata = read_weights(weights).metadata
    assert metadata["model_name"] == "tiny_classifier"
    assert metadata["model_options"]["widths"] == [4, 6]
    assert metadata["model_options"]["spins"] == [0, 1]  # the registry's, written down as well
    assert metadata["input"]["grid"] == {"kind": "EquiangularGrid", "resolution": 16}
    assert metadata["step"] == 30


def test_a_registered_grid_is_trained_on_exported_and_loaded(tmp_path):
    config = spin_train.load_config("digits")
    config.dataset = "tiny_spheres/own_grid"
    config.model_options.update({"widths": (4, 6), "filter_values": (3, 2), "pool": (False, True)})
    config.update({"num_train_steps": 4, "report_examples": 4, "per_device_batch_size": 2})
    summary = spin_train.train(config, tmp_path / "run")
    assert "Equivariance error by layer" in (tmp_path / "run" / "report.html").read_text()
    metadata = spin_train.export(tmp_path / "run", tmp_path / "weights")
    assert metadata["input"]["grid"] == {"kind": "ShiftedGrid", "size": 8}
    source = make_setup(read_run(tmp_path / "run").config).data.eval_source("test")
    field, labels = spin_data.read_fields(source, np.arange(len(source)))
    found = spin_models.load(tmp_path / "weights")(field).argmax(-1)
    assert float(np.mean(found == labels)) == pytest.approx(summary["test"]["accuracy"])


def test_the_best_checkpoint_is_another_model(run, tmp_path):
    with Checkpoints(run, "best") as best:
        step = best.latest_step
    spin_train.export(run, tmp_path / "best", checkpoint="best")
    assert read_weights(tmp_path / "best").metadata["step"] == step
    assert (
        spin_train.evaluate(run, split="validation", checkpoint="best")["accuracy"]
        >= (spin_train.evaluate(run, split="validation")["accuracy"])
    )
    with pytest.raises(spin_train.UserError, match="no checkpoint is called 'worst'"):
        spin_train.evaluate(run, checkpoint="worst")


def test_weights_without_a_checksum_are_said_in_one_line(weights, tmp_path):
    with safe_open(weights, framework="numpy") as file:
        header = {k: v for k, v in file.metadata().items() if k != "checksum"}
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(arrays, tmp_path / "older", metadata=header)
    shown = []

    def warn(message, category, *place):
        shown.append(warnings.formatwarning(message, category, *place[:2]))

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = warn
        predict.main(["--weights", str(tmp_path / "older"), str(tmp_path / "gone.png")])
    (note,) = shown
    assert note.startswith(f"spin-predict: note: '{tmp_path / 'older'}' has no checksum")
    assert note.count("\n") == 1
    assert warnings.formatwarning("a", UserWarning, "place", 1).startswith("place:1: UserWarning")


def test_evaluate_writes_metrics_and_equivariance(run, capsys):
    words = ["--workdir", str(run), "--dataset", "digits/canonical", "--examples", "8"]
    assert evaluate.main(words) == 0
    printed = capsys.readouterr().out
    result = json.loads((run / "evaluation_digits_canonical_test_last.json").read_text())
    assert result["dataset"] == "digits/canonical"
    assert f"accuracy                 {result['accuracy']}" in printed
    assert result["accuracy"] == spin_train.evaluate(run, "digits/canonical")["accuracy"]
    assert set(result["equivariance_error"]) == {"block 1", "block 2"}
    assert all(0 < error < 0.5 for error in result["equivariance_error"].values())
    assert list(result["accuracy_by_degrees"]) == [str(15 * i) for i in range(13)]
    assert 0 < result["invariance_error"] < 1


def test_commands_explain_mistakes_in_one_line(run, weights, tmp_path, capsys):
    (tmp_path / "no.safetensors").write_bytes(b"nothing")
    (tmp_path / "no.png").write_bytes(b"nothing")
    cases = [
        (evaluate, ["--workdir", str(tmp_path)], "there is no config.json"),
        (evaluate, ["--workdir", str(run), "--split", "tests"], "no split 'tests'"),
        (evaluate, ["--workdir", str(run), "--dataset", "digits/rotate"], "did you mean"),
        (evaluate, ["--workdir", str(run), "--examples", "-1"], "--examples must be 0 or more"),
        (export, ["--workdir", str(run)], "--output"),
        (export, ["--workdir", str(run), "--output", str(tmp_path / "a" / "b")], "cannot write"),
        (predict, ["--weights", str(tmp_path / "gone"), "a.png"], "no file of weights"),
        (predict, ["--weights", str(tmp_path / "no.safetensors"), "a.png"], "no intact file"),
        (predict, ["--weights", str(weights), str(tmp_path / "no.png")], "cannot read the image"),
        (predict, ["--weights", str(weights), str(tmp_path / "gone.png")], "gone.png"),
        (predict, ["a.png"], "--weights"),
    ]
    for command, words, message in cases:
        assert command.main(words) == 2, words
        captured = capsys.readouterr()
        assert captured.out == ""
        assert len(captured.err.splitlines()) == 1, captured.err
        assert message in captured.err, (words, captured.err)


def test_images_are_labelled_as_records_are(run, weights, digits, tmp_path, capsys):
    """A digit drawn in ink, and a panorama that is the record itself."""
    drawn = np.zeros((8, 8), np.uint8)
    drawn[1:7, 3:5] = 255
    Image.fromarray(drawn).save(tmp_path / "bright.png")
    Image.fromarray(255 - drawn).save(tmp_path / "ink.png")
    words = ["--weights", str(weights), "--json"]
    assert predict.main([*words, str(tmp_path / "bright.png")]) == 0
    bright = json.loads(capsys.readouterr().out)
    assert predict.main([*words, "--invert", str(tmp_path / "ink.png")]) == 0
    ink = json.loads(capsys.readouterr().out)
    clear = np.zeros((8, 8, 4), np.uint8)
    clear[..., 3] = drawn  # black ink on nothing
    Image.fromarray(clear).save(tmp_path / "clear.png")
    assert predict.main([*words, "--invert", str(tmp_path / "clear.png")]) == 0
    assert json.loads(capsys.readouterr().out)["probabilities"] == ink["probabilities"]
    assert bright["probabilities"] == ink["probabilities"]
    assert sum(bright["probabilities"].values()) == pytest.approx(1)
    assert next(iter(bright["probabilities"])) == bright["class"]
    assert list(bright["probabilities"].values()) == sorted(bright["probabilities"].values())[::-1]

    model = spin_train.model_of_run(run)
    image = spin_data.read_image(tmp_path / "bright.png", model.input.grid, grayscale=True)
    field = spin_data.decode_fields({"spin_0": np.rint(image).astype(np.uint8)[None]})
    expected = jax.nn.softmax(model.logits(field))[0]
    found = [bright["probabilities"][str(label)] for label in range(10)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)

    Image.fromarray(np.repeat(drawn, 2, axis=1)).save(tmp_path / "wide.png")
    as_panorama, as_image, by_itself = (
        spin_train.predict(model, [tmp_path / "wide.png"], projection=projection)[0]
        for projection in ("panorama", "image", "auto")
    )
    with pytest.raises(spin_train.UserError, match="one of auto, image, panorama, not 'globe'"):
        spin_train.predict(model, tmp_path / "wide.png", projection="globe")
    # As in the training, whatever the proportions; without a record of it, by the proportions.
    assert by_itself.probabilities == as_image.probabilities != as_panorama.probabilities
    unrecorded = dataclasses.replace(
        model, description=dataclasses.replace(model.description, images={})
    )
    (by_proportions,) = spin_train.predict(unrecorded, tmp_path / "wide.png")
    assert by_proportions.probabilities == as_panorama.probabilities
    assert predict.main(["--workdir", str(run), str(tmp_path / "bright.png")]) == 0
    assert f"bright.png: {bright['class']}  ({bright['class']} " in capsys.readouterr().out


def test_good_images_are_predicted_beside_bad_ones(weights, tmp_path, capsys):
    """And a folder stands for the images in it."""
    (tmp_path / "more").mkdir()
    for name in ("a.png", "c.png", "more/d.JPG"):
        Image.new("L", (8, 8), 200).save(tmp_path / name)
    (tmp_path / "b.png").write_text("no image")
    (tmp_path / "notes.txt").write_text("not an image either")
    names = ["a.png", "b.png", "gone.png", "c.png"]
    words = ["--weights", str(weights), "--json"]
    assert predict.main([*words, *(str(tmp_path / name) for name in names)]) == 2
    captured = capsys.readouterr()
    found = [json.loads(line)["image"] for line in captured.out.splitlines()]
    assert found == [str(tmp_path / "a.png"), str(tmp_path / "c.png")]
    first, second = captured.err.splitlines()
    assert first.startswith("spin-predict: cannot read the image: ")
    assert "b.png" in first
    assert "gone.png" in second
    (tmp_path / "b.png").unlink()
    assert predict.main([*words, str(tmp_path)]) == 0
    found = [json.loads(line)["image"] for line in capsys.readouterr().out.splitlines()]
    assert found == [str(tmp_path / name) for name in ("a.png", "c.png", "more/d.JPG")]
    (tmp_path / "none").mkdir()
    names = ["gone.png", "none", "a.png"]
    assert predict.main([*words, *(str(tmp_path / name) for name in names)]) == 2
    captured = capsys.readouterr()
    assert [json.loads(line)["image"] for line in captured.out.splitlines()] == [
        str(tmp_path / "a.png")
    ]
    first, second = captured.err.splitlines()
    assert "gone.png" in first
    assert second == f"spin-predict: {tmp_path / 'none'}: no images in this folder"
    names = ["a.png", "b.png", "gone.png", "c.png"]
    model = spin_train.model_of_weights(weights)
    (tmp_path / "b.png").write_text("no image")
    with pytest.raises(spin_train.UserError, match=r"b\.png.*; .*gone\.png"):
        spin_train.predict(model, [tmp_path / name for name in names])


def test_fine_tuning_begins_with_the_weights(run, weights, tmp_path):
    config = read_run(run).config
    setup = make_setup(config)
    config.initial_weights = str(weights)
    tuned = make_setup(config)
    trained = spin_train.model_of_run(run)
    start = tuned.model.variables
    jax.tree.map(np.testing.assert_array_equal, start.params, trained.variables.params)
    jax.tree.map(np.testing.assert_array_equal, start.batch_stats, trained.variables.batch_stats)
    random = setup.model.variables
    assert not np.array_equal(start.params["head"]["kernel"], random.params["head"]["kernel"])

    words = ["--workdir", str(tmp_path), "--config", str(tmp_path / "config.py")]
    (tmp_path / "config.py").write_text(
        "from spin_train import load_config\n"
        "def get_config():\n"
        "    config = load_config('digits')\n"
        f"    config.update({config.to_dict()!r})\n"
        "    config.update({'num_train_steps': 1, 'warmup_epochs': 0, 'learning_rate': 1e-6})\n"
        "    config.update({'report_examples': 0})\n"
        "    return config\n"
    )
    assert main(words) == 0
    after = spin_train.evaluate(tmp_path)
    before = spin_train.evaluate(run)
    assert after["eval_loss"] == pytest.approx(before["eval_loss"], abs=0.05)


def test_fine_tuning_for_other_classes_begins_with_a_new_head(run, weights, tmp_path, capsys):
    """Three classes of images, with a model that told ten digits apart."""
    for split, count in (("train", 8), ("validation", 2), ("test", 2)):
        for name in ("a", "b", "c"):
            folder = tmp_path / "images" / split / name
            folder.mkdir(parents=True)
            for i in range(count):
                values = np.random.default_rng(i).integers(0, 255, (8, 8)).astype(np.uint8)
                Image.fromarray(values).save(folder / f"{i}.png")
    config = read_run(run).config
    config.dataset = f"images:{tmp_path / 'images'}"
    config.update({"num_train_steps": 1, "report_examples": 0})
    config.initial_weights = str(weights)
    config.per_device_batch_size = 1
    config.dataset_options.update({"grayscale": True})
    spin_train.train(config, tmp_path / "tuned")
    said = capsys.readouterr().out
    assert "note: training starts from the weights of" in said
    assert (
        "these arrays start from random values: params.head.bias has shape (3,), the file's (10,)"
        in said
    )


def test_a_fine_tuning_goes_on_without_the_file(run, weights, tmp_path):
    config = read_run(run).config
    own = tmp_path / "copied.safetensors"
    own.write_bytes(weights.read_bytes())
    config.update({"initial_weights": str(own), "num_train_steps": 1, "report_examples": 0})
    spin_train.train(config, tmp_path / "run")
    own.unlink()
    spin_train.train(config, tmp_path / "run")
    with pytest.raises(spin_train.UserError, match="no file of weights"):
        spin_train.train(config, tmp_path / "other")


def test_evaluation_needs_the_split_that_is_asked_for_alone(config, tmp_path):
    config.combine_train_val_and_eval_on_test = True
    config.num_train_steps = 1
    spin_train.train(config, tmp_path)
    assert spin_train.evaluate(tmp_path, "tiny_spheres/no_test", "validation")
    with pytest.raises(spin_train.UserError, match="no split 'test'"):
        spin_train.evaluate(tmp_path, "tiny_spheres/no_test")


def test_weights_of_another_model_are_refused(run, weights):
    config = read_run(run).config
    config.initial_weights = str(weights)
    config.model_options.spins = (0,)
    with pytest.raises(spin_train.UserError, match=r"are of another model: .*tiny_classifier"):
        make_setup(config)
    config.initial_weights = str(weights) + ".gone"
    with pytest.raises(spin_train.UserError, match="initial_weights: no file of weights"):
        make_setup(config)


def test_a_model_without_features_is_turned_all_the_same(config, tmp_path):
    """Nothing but its outputs can be looked at, and the report says so."""
    config.report_examples = 4
    spin_train.train(config, tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "Accuracy by rotation angle" in page
    assert "Not measured: the model has no method `features`" in page
    assert "Feature maps" not in page


def test_a_planar_networks_layers_are_not_equivariant(run, digits):
    """What the measure is for: a network that knows nothing of the sphere has errors near 1."""
    from flax import nnx

    from spin_train.analysis import measure_rotations
    from spin_train.model.functional import functional_model
    from spin_train.model.trained import TrainedModel

    spin = spin_train.model_of_run(run)
    description = dataclasses.replace(
        spin.description, model_name="tiny_cnn_classifier", model_options={}
    )
    model = functional_model(description.create(nnx.Rngs(0)))
    planar = TrainedModel(model, model.variables, description)
    source = spin_data.ArraySource(digits["input"], digits["label"])
    of_spin, of_planar = (measure_rotations(model, source, 8) for model in (spin, planar))
    assert max(of_spin.layer_errors.values()) < 0.5 < min(of_planar.layer_errors.values())
    assert jnp.isfinite(of_planar.invariance_error)
