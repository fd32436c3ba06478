"""Faults of other people's models and datasets: whose they are is said before any training."""

import pytest

from spin_train.cli.train import main


def run(words, config_words, workdir, capsys):
    changed = [word for word in config_words if "dropout" not in word]
    code = main(["--workdir", str(workdir), *changed, *words])
    return code, capsys.readouterr().err


ONE_LINE = {
    "dataset none": "its loader returned None, without input, output, splits",
    "dataset dict": "its loader returned a dict, without input, output, splits",
    "dataset few_names": "it has 2 class_names for 4 classes",
    "dataset number_names": "its class_names are (0, 1, 2, 3), expected a tuple of strings",
    "dataset no_source": "split 'train' is of type list_iterator",
    "dataset exits": "called sys.exit(0)",
    "dataset exiting_records": "called sys.exit(0) in ",
    "model none": "its factory returned None, but must return a flax.nnx.Module",
    "model one_too_few": "returns float32 of shape (2, 3) for 2 examples of 4 classes",
    "model tuple": "returns (ShapeDtypeStruct",
    "model complex": "returns complex64 of shape (2, 4)",
    "model exits": "called sys.exit(0) in ",
}


@pytest.mark.parametrize("fault", ONE_LINE)
def test_one_line_names_the_fault(words, tmp_path, capsys, fault):
    kind, name = fault.split()
    choice = f"--config.dataset=tiny_spheres/{name}"
    if kind == "model":
        choice = f"--config.model_name=tiny_spheres_{name}"
    code, said = run([choice], words, tmp_path / "run", capsys)
    assert code == 2
    assert len(said.splitlines()) == 1, said
    assert f"{kind} 'tiny_spheres" in said
    assert ONE_LINE[fault] in said
    assert not (tmp_path / "run" / "summary.json").exists()


@pytest.mark.parametrize(
    ("choice", "first", "last"),
    [
        (
            "--config.model_name=tiny_spheres_fails",
            "spin-train: model 'tiny_spheres_fails' (plugin 'tiny_spheres' of tiny-spheres 1.0) "
            "raised RuntimeError; its author needs this traceback:",
            "RuntimeError: a defect of the net",
        ),
        (
            "--config.dataset=tiny_spheres/failing_records",
            "spin-train: dataset 'tiny_spheres/failing_records' (plugin 'tiny_spheres' of "
            "tiny-spheres 1.0) raised LookupError; its author needs this traceback:",
            "LookupError: no record ",
        ),
    ],
)
def test_a_defect_keeps_its_traceback_under_one_line(words, tmp_path, capsys, choice, first, last):
    code, said = run([choice], words, tmp_path, capsys)
    assert code == 1
    assert said.splitlines()[0] == first
    assert "tiny_spheres.py" in said
    assert last in said
