"""Which splits a run trains on and is evaluated on, when some of them do not exist."""

import json

import numpy as np
import pytest
from PIL import Image

import spin_data
import spin_train
from spin_train.cli.evaluate import main as evaluate_main
from spin_train.workdir.metric_files import read_metrics


def save_images(folder, splits, classes=("a", "b")):
    """Saves `count` small images per class for each split; "" stands for no split folder."""
    for split, count in splits.items():
        for label, name in enumerate(classes):
            where = folder / split / name
            where.mkdir(parents=True, exist_ok=True)
            for index in range(count):
                Image.new("L", (4, 4), 100 + 50 * label + index).save(where / f"{index}.png")
    return folder


@pytest.fixture
def of_images(config):
    """The configuration of a run of two steps on grey images."""
    config.update({"num_train_steps": 2, "eval_every_steps": 1})
    config.dataset_options.update({"grayscale": True, "resolution": 8})
    return config


@pytest.mark.parametrize("combined", [False, True])
def test_train_and_test_folders_alone_are_enough(of_images, tmp_path, capsys, combined):
    of_images.dataset = f"images:{save_images(tmp_path / 'data', {'train': 8, 'test': 3})}"
    of_images.combine_train_val_and_eval_on_test = combined
    summary = spin_train.train(of_images, tmp_path / "run")
    assert set(summary["test"]) == {"accuracy", "eval_loss"}
    assert "validation" not in summary
    # The test split is evaluated once: a model must not be chosen by it.
    records = read_metrics(tmp_path / "run")
    assert [(r["split"], r["step"]) for r in records if "split" in r] == [("test", 2)]
    assert not (tmp_path / "run" / "best").exists()
    assert "note: there is no split 'validation': training on 'train'" in capsys.readouterr().out
    assert spin_train.evaluate(tmp_path / "run") == summary["test"]


def test_a_share_of_zero_means_no_validation(of_images, tmp_path):
    of_images.dataset = f"images:{save_images(tmp_path / 'data', {'': 20})}"
    of_images.dataset_options.update({"validation": 0, "test": 0.3})
    assert "test" in spin_train.train(of_images, tmp_path / "run")


def test_an_evaluation_dataset_without_validation_is_tested_at_the_end(of_images, tmp_path):
    """As where training data have validation, and other data are there for testing."""
    both = save_images(tmp_path / "both", {"train": 8, "validation": 2})
    other = save_images(tmp_path / "other", {"train": 2, "test": 3})
    of_images.update({"dataset": f"images:{both}", "eval_dataset": f"images:{other}"})
    assert "test" in spin_train.train(of_images, tmp_path / "run")


@pytest.mark.parametrize(
    ("splits", "combined", "advice"),
    [
        ({"train": 8}, False, "add a split 'validation' or 'test', or set eval_dataset"),
        ({"train": 8}, True, "add a split 'test', or set eval_dataset"),
        (
            {"train": 8, "validation": 2},
            True,
            "or set combine_train_val_and_eval_on_test False to evaluate on 'validation'",
        ),
    ],
)
def test_nothing_to_evaluate_on_is_refused_before_training(
    of_images, tmp_path, splits, combined, advice
):
    of_images.dataset = f"images:{save_images(tmp_path / 'data', splits)}"
    of_images.combine_train_val_and_eval_on_test = combined
    with pytest.raises(spin_train.UserError, match="has no split 'test'") as error:
        spin_train.train(of_images, tmp_path / "run")
    assert advice in str(error.value)
    assert not (tmp_path / "run").exists()


@pytest.fixture
def trained(of_images, tmp_path):
    """A run on three classes of images."""
    folder = save_images(tmp_path / "data", {"": 12}, ("ant", "bee", "cow"))
    of_images.dataset = f"images:{folder}"
    of_images.dataset_options.update({"seed": 1})
    spin_train.train(of_images, tmp_path / "run")
    return tmp_path / "run"


def evaluated(workdir, dataset, *words):
    """Runs `spin-evaluate` and returns the object that it writes."""
    for old in workdir.glob("evaluation_*"):
        old.unlink()
    line = ["--workdir", str(workdir), "--examples", "0", *words]
    assert evaluate_main([*line, "--dataset", dataset] if dataset else line) == 0
    (path,) = workdir.glob("evaluation_*")
    return json.loads(path.read_text())


def test_a_hold_out_folder_is_evaluated_whole(trained, tmp_path, capsys):
    """Also if it lacks a class, or has one only; labels are those of the training."""
    whole = save_images(tmp_path / "whole", {"": 20}, ("ant", "bee", "cow"))
    assert evaluated(trained, f"images:{whole}")["examples"] == 60
    assert "examples                 60" in capsys.readouterr().out
    only = {}
    for name in ("ant", "bee", "cow"):
        folder = save_images(tmp_path / name, {"": 20}, (name,))
        assert evaluated(trained, f"images:{folder}")["examples"] == 20
        only[name] = spin_train.evaluate(trained, f"images:{folder}")["accuracy"]
    # The same pixels, with a label each: exactly one can be right.
    assert sum(only.values()) == pytest.approx(1)
    folder = save_images(tmp_path / "divided", {"test": 4, "validation": 3}, ("ant", "cow"))
    assert evaluated(trained, f"images:{folder}")["examples"] == 8
    assert evaluated(trained, f"images:{folder}", "--split", "validation")["examples"] == 6
    assert evaluated(trained, f"images:{folder}", "--split", "all")["examples"] == 14


def test_the_trained_folder_keeps_its_splits(trained, tmp_path):
    """Under any name: its training examples must not count as a test."""
    divided = evaluated(trained, None)["examples"]
    assert 0 < divided < 12
    (tmp_path / "link").symlink_to(tmp_path / "data")
    assert evaluated(trained, f"images:{tmp_path / 'link'}")["examples"] == divided
    assert evaluated(trained, None, "--split", "all")["examples"] == 36


def test_a_class_that_the_model_does_not_know_is_named(trained, tmp_path):
    folder = save_images(tmp_path / "other", {"": 4}, ("ant", "yak"))
    with pytest.raises(
        spin_train.UserError, match="yak among the classes, which are ant, bee, cow; rename"
    ):
        spin_train.evaluate(trained, f"images:{folder}")
    (tmp_path / "empty" / "ant").mkdir(parents=True)
    with pytest.raises(spin_train.UserError, match="no images in subfolders named ant, bee, cow"):
        spin_train.evaluate(trained, f"images:{tmp_path / 'empty'}")


@pytest.mark.parametrize("ending", [".npz", ".array_record"])
def test_a_hold_out_file_of_fields_is_evaluated_whole(config, tmp_path, ending):
    """Without the class of the largest label."""
    values = np.random.default_rng(0).random((40, 8, 8, 1), np.float32)
    records = [{"input": {"spin_0": field}, "label": i % 3} for i, field in enumerate(values)]
    spin_data.write_fields(tmp_path / f"f{ending}", records)
    config.update({"num_train_steps": 1, "dataset": f"fields:{tmp_path}/f{ending}"})
    spin_train.train(config, tmp_path / "run")
    held_out = [record for record in records if record["label"] < 2][:7]
    spin_data.write_fields(tmp_path / f"held_out{ending}", held_out)
    name = f"fields:{tmp_path}/held_out{ending}"
    assert evaluated(tmp_path / "run", name)["examples"] == 7
    (tmp_path / "folder").mkdir()
    spin_data.write_fields(tmp_path / "folder" / f"test{ending}", held_out)
    assert evaluated(tmp_path / "run", f"fields:{tmp_path}/folder")["examples"] == 7


def test_the_number_of_examples_is_that_of_those_scored(config, tmp_path, capsys):
    """16 devices' batches of 2 do not divide 20 examples, nor 30."""
    config.update({"num_train_steps": 4, "eval_pad_last_batch": False})
    spin_train.train(config, tmp_path)
    assert capsys.readouterr().out.count("(16 examples)") == 1
    assert evaluated(tmp_path, None)["examples"] == 16
    assert evaluated(tmp_path, "tiny_spheres/dark", "--split", "all")["examples"] == 112


def test_hold_out_data_in_a_configuration_are_evaluated_whole(of_images, tmp_path, capsys):
    data = save_images(tmp_path / "data", {"train": 8, "validation": 2})
    held_out = save_images(tmp_path / "held out", {"": 9}, ("b",))
    of_images.update({"dataset": f"images:{data}", "eval_dataset": f"images:{held_out}"})
    spin_train.train(of_images, tmp_path / "run")
    assert "test: accuracy" in (said := capsys.readouterr().out)
    assert "(9 examples)" in said
