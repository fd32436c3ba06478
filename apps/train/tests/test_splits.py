"""Which splits a run trains on and is evaluated on, when some of them do not exist."""

import pytest
from PIL import Image

import spin_train
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
