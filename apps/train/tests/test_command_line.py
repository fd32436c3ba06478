"""The words of the command line: what they mean, and how a wrong one is refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import spin_train
from spin_train import configs
from spin_train.cli import export
from spin_train.cli.train import main
from spin_train.cli.train_arguments import parse
from spin_train.configuration import set_value
from spin_train.errors import ConfigurationError

DEFAULT_FILE = str(Path(configs.__file__).with_name("default.py"))


def parsed(*words):
    return parse(["--workdir", "here", *words]).config


def test_the_published_command():
    command = parse(
        f"--workdir DIR --config {DEFAULT_FILE} --config.dataset spherical_mnist/rotated "
        "--config.model_name spin_classifier_6_layers "
        "--config.combine_train_val_and_eval_on_test True".split()
    )
    assert command.workdir == Path("DIR")
    assert command.config.to_dict() == spin_train.load_config("spherical_mnist").to_dict()


def test_the_published_defaults():
    """The hyperparameters in the published log, but for the flag of the command."""
    published = {
        "checkpoint_every_steps": 1000,
        "combine_train_val_and_eval_on_test": True,
        "dataset": "spherical_mnist/rotated",
        "eval_every_steps": 1000,
        "eval_pad_last_batch": True,
        "learning_rate": 0.001,
        "learning_rate_schedule": "cosine",
        "log_loss_every_steps": 100,
        "model_name": "spin_classifier_6_layers",
        "num_epochs": 12,
        "num_eval_steps": -1,
        "num_train_steps": -1,
        "per_device_batch_size": 32,
        "seed": 42,
        "shuffle_buffer_size": 1000,
        "trial": 0,
        "warmup_epochs": 1,
        "weight_decay": 0.0,
    }
    ours = {
        "eval_dataset": "",
        "model_options": {},
        "dataset_options": {},
        "augment_rotation": False,
        "data_placement": "auto",
        "data_threads": 2,
        "data_workers": 0,
        "initial_weights": "",
        "gradient_clip_norm": 0.0,
        "gradient_accumulation_steps": 1,
        "profile_steps": "",
        "report_examples": 256,
    }
    assert spin_train.load_config("spherical_mnist").to_dict() == published | ours
    assert not spin_train.load_config("default").combine_train_val_and_eval_on_test


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--config.eval_pad_last_batch", "False"], False),
        (["--config.eval_pad_last_batch=False"], False),
        (["--config.eval_pad_last_batch", "no"], False),
        (["--config.eval_pad_last_batch", "0"], False),
        (["--config.eval_pad_last_batch"], True),
        (["--config.eval_pad_last_batch", "True"], True),
        (["--config.eval_pad_last_batch", "false", "--config.eval_pad_last_batch"], True),
    ],
)
def test_a_boolean_takes_the_word_that_follows(words, expected):
    assert parsed(*words).eval_pad_last_batch is expected


def test_a_bare_boolean_before_another_option():
    command = parse(["--config.eval_pad_last_batch", "--workdir", "there"])
    assert command.config.eval_pad_last_batch is True
    assert command.workdir == Path("there")


def test_values_have_their_keys_types():
    config = parsed(
        *["--config.num_train_steps", "-1", "--config.learning_rate", "1", "--config.dataset=a=b"]
    )
    assert config.num_train_steps == -1
    assert config.learning_rate == 1.0
    assert isinstance(config.learning_rate, float)
    assert config.dataset == "a=b"


def test_options_of_plugins_are_literals_or_text():
    config = parsed(
        *["--config.model_options.width", "3", "--config.model_options.kind=large"],
        *["--config.model_options.spins", "(0,1)", "--config.dataset_options.rotated", "false"],
    )
    assert config.model_options.to_dict() == {"width": 3, "kind": "large", "spins": (0, 1)}
    assert config.dataset_options.to_dict() == {"rotated": False}


@pytest.mark.parametrize(("word", "value"), [("no", False), ("Yes", True), ("off", False)])
def test_options_have_the_words_of_booleans(word, value):
    config = parsed("--config.dataset_options.grayscale", word)
    assert config.dataset_options.grayscale is value
    assert parsed("--config.augment_rotation", word).augment_rotation is value


@pytest.mark.parametrize("name", spin_train.preset_names())
def test_a_preset_is_found_by_name_and_by_path(name):
    path = Path(configs.__file__).with_name(f"{name}.py")
    assert spin_train.load_config(name).to_dict() == spin_train.load_config(path).to_dict()


def test_digits_is_the_default():
    assert parsed().to_dict() == spin_train.load_config("digits").to_dict()
    assert spin_train.preset_names() == ("default", "digits", "spherical_mnist")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--config.eval_pad_last_batch maybe", "expects True or False, got 'maybe'"),
        ("--config.eval_pad_last_batch True False", "unrecognized arguments: False"),
        ("stray", "unrecognized arguments: stray"),
        ("--conf digits", "unrecognized arguments: --conf digits"),
        ("--config.learning_rat 1", "did you mean 'learning_rate'"),
        (
            "--config.learning_rat 1",
            "the keys are augment_rotation, checkpoint_every_steps, combine_",
        ),
        ("--config.seed.x 1", "no configuration key 'seed.x'"),
        ("--config.num_epochs 1.5", "num_epochs expects int, got '1.5'"),
        ("--config.learning_rate fast", "learning_rate expects float, got 'fast'"),
        ("--config.learning_rate nan", "must be 0 or more, got nan"),
        ("--config.learning_rate inf", "learning_rate must be a finite number, got inf"),
        ("--config.gradient_clip_norm inf", "gradient_clip_norm must be a finite number, got inf"),
        ("--config.learning_rate", "learning_rate expects a value of type float"),
        (
            f"--config.warmup_epochs {'9' * 300}",
            "warmup_epochs must be at most 2**53, got a number",
        ),
        (f"--config.learning_rate {10**400}", "learning_rate must be"),
        (f"--config.trial -{10**400}", "trial must be at most 2**53"),
        ("--config.model_options 3", "model_options holds options"),
        ("--config.num_train_steps 0", "num_train_steps must be -1 or at least 1, got 0"),
        ("--config.per_device_batch_size 0", "per_device_batch_size must be at least 1"),
        ("--config.learning_rate_schedule cosin", "did you mean 'cosine'"),
        ("--config digit", "neither a preset (default, digits, spherical_mnist)"),
        ("--config digit", "did you mean 'digits'"),
        ("--config", "expected one argument"),
    ],
)
def test_what_is_wrong_is_named(words, message):
    with pytest.raises(ConfigurationError) as error:
        parsed(*words.split())
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_workdir_is_required():
    with pytest.raises(ConfigurationError, match="--workdir DIR is required"):
        parse([])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def get_config(: pass", "cannot be run: SyntaxError"),
        ("1 / 0", "line 1 cannot be run: ZeroDivisionError"),
        ("\ndef get_config(: pass", "mine.py', line 2 cannot be run: SyntaxError"),
        (
            "def f():\n    return {}['x']\n\ndef get_config():\n    return f()",
            "mine.py', line 2 can",
        ),
        ("import math\ndef get_config(): return math.sqrt('x')", "mine.py', line 2 can.*TypeError"),
        (
            "def get_config(): raise SystemExit('a word')",
            "line 1 cannot be run: SystemExit: a word",
        ),
        (
            "def get_config(): return {'model_options': {'x': object()}}",
            "x cannot be of type object",
        ),
        ("def get_config(): return {'learning_rate': float('inf')}", "must be a finite number"),
        ("x = 1", "defines no get_config"),
        ("def get_config(): return 3", "a ConfigDict or a mapping, not int"),
        ("def get_config(): return {'sed': 1}", "did you mean 'seed'"),
        ("def get_config(): return {'seed': 'x'}", "seed expects int, got 'x'"),
        ("def get_config(): return {'model_options': 3}", "expects options by name"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, text, message):
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match="(?s)" + message.replace("(", "\\(")):
        spin_train.load_config(path)


def test_a_file_may_leave_keys_out(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("def get_config(): return {'seed': 7, 'model_options': {'width': 2}}")
    config = spin_train.load_config(path)
    assert config.seed == 7
    assert config.model_options.width == 2
    assert config.num_epochs == 12


def test_numpy_scalars_are_numbers():
    config = spin_train.load_config("digits")
    set_value(config, "seed", np.int64(7))
    set_value(config, "learning_rate", np.float32(0.5))
    set_value(config, "augment_rotation", np.bool_(True))
    set_value(config, "model_options", {"widths": (np.int32(4), np.int32(6))})
    set_value(config, "dataset_options.resolution", np.int16(16))
    assert (config.seed, config.learning_rate, config.augment_rotation) == (7, 0.5, True)
    assert json.loads(json.dumps(config.to_dict()))["model_options"] == {"widths": [4, 6]}
    assert config.model_options.widths == (4, 6)
    assert json.dumps(config.dataset_options.to_dict()) == '{"resolution": 16}'
    with pytest.raises(ConfigurationError, match=r"seed expects int, got 7\.5"):
        set_value(config, "seed", np.float64(7.5))
    with pytest.raises(ConfigurationError, match=r"model_options\.x cannot be of type ndarray"):
        set_value(config, "model_options.x", np.arange(3))


def test_a_tilde_is_the_home(tmp_path, monkeypatch, config):
    """As in --workdir=~/run, where no shell replaces it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert parse(["--workdir=~/run"]).workdir == tmp_path / "run"
    assert parse(["--workdir=~nobody-of-this-name/run"]).workdir == Path("~nobody-of-this-name/run")
    (tmp_path / "mine.py").write_text("def get_config(): return {'seed': 7}")
    assert spin_train.load_config("~/mine.py").seed == 7
    config.num_train_steps = 1
    spin_train.train(config, "~/run")
    assert "accuracy" in spin_train.evaluate("~/run")
    words = ["--workdir=~/run", "--output=~/weights.safetensors"]
    assert export.main(words) == 0
    assert (tmp_path / "weights.safetensors").is_file()
    assert not (tmp_path / "~").exists()


def test_help_lists_presets_and_keys_with_values(capsys):
    assert main(["--help", "--config", "digits", "--config.seed", "7"]) == 0
    out = capsys.readouterr().out
    for preset in spin_train.preset_names():
        assert preset in out
    for key in spin_train.load_config("digits"):
        assert f"--config.{key} " in out
    assert "'tiny_classifier'" in out
    assert next(line for line in out.splitlines() if "--config.seed" in line).split() == [
        "--config.seed",
        "int",
        "7",
    ]


TINY = "--config default --config.model_name tiny_spheres_net --config.dataset tiny_spheres/bytes"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--config.model_name tiny_spheres_ne", "did you mean 'tiny_spheres_net'"),
        ("--config.dataset tiny_spheres/byte", "did you mean 'tiny_spheres/bytes'"),
        ("--config.eval_dataset nothing", "unknown dataset 'nothing'"),
        ("--config.model_options.widht 3", "did you mean 'width'"),
        ("--config.model_options.width -3", "width must be positive, got -3"),
        ("--config.model_options.width wide", "model 'tiny_spheres_net'"),
        ("--config.dataset_options.resolutio 4", "did you mean 'resolution'"),
        ("--config.dataset tiny_spheres/not_downloaded", "set TINY_SPHERES_DIR to where it is"),
        ("--config.dataset tiny_spheres/dense", "no task for an output of type FieldSpec"),
        (
            "--config.dataset tiny_spheres/no_test --config.combine_train_val_and_eval_on_test",
            "has no split 'test'; it has train, validation",
        ),
        ("--config.eval_dataset tiny_spheres/three_classes", "has output ClassSpec(num_classes=3)"),
        ("--config.eval_dataset tiny_spheres/spins", "has channels {0: 1, 1: 2}"),
        (
            "--config.eval_pad_last_batch no --config.per_device_batch_size 64 "
            "--config.num_train_steps 1",
            "--config.eval_pad_last_batch True",
        ),
        ("--config.dataset tiny_spheres/nan", "the loss is nan at step 1"),
        ("--config.sed 1", "did you mean 'seed'"),
        ("stray", "unrecognized arguments: stray"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(tmp_path, capsys, words, message):
    argv = ["--workdir", str(tmp_path / "run"), *TINY.split(), *words.split()]
    assert main(argv) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("spin-train: ")
    assert error.count("\n") == 1, error


def test_a_workdir_that_is_a_file(tmp_path, capsys):
    (tmp_path / "run").write_text("")
    assert main(["--workdir", str(tmp_path / "run"), *TINY.split()]) == 2
    assert "File exists" in capsys.readouterr().err


def test_the_process_itself_ends_with_one_line():
    command = [sys.executable, "-m", "spin_train", "--workdir", "x", "--config.sed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "did you mean 'seed'" in done.stderr
