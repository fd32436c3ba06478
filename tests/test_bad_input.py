"""Every kind of bad input that a user can give, and the one line that answers it.

Each line names the bad value and what is allowed, and comes from where the value enters.
"""

import gzip
import struct

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import sphere_transforms as st
import spherical_mnist
import spin_registry as sr
from spin_train.cli.train import main

GRID = st.EquiangularGrid(16)


def transform(field):
    return st.SpinTransform(GRID, (0, 1)).forward(field)


def model(name="tiny_classifier", **options):
    return sr.get_model(name).create(
        input=sr.FieldSpec(GRID, {0: 1}), output=sr.ClassSpec(10), rngs=nnx.Rngs(0), **options
    )


FROM_PYTHON = {
    "an unknown model": (lambda _: model("tiny_clasifier"), ["tiny_clasifier", "tiny_classifier"]),
    "an unknown dataset": (
        lambda _: sr.get_dataset("digits/rotatde"),
        ["digits/rotatde", "digits/rotated", "digits/canonical"],
    ),
    "an unknown option of a model": (lambda _: model(widhts=(8,)), ["widhts", "widths"]),
    "an odd resolution": (lambda _: st.EquiangularGrid(63), ["63", "even"]),
    "a spin without harmonics": (lambda _: st.SpinTransform(GRID, (0, 8)), ["8", "-7 to 7"]),
    "a spin the transform was not made for": (
        lambda _: transform({2: jnp.ones((1, 16, 16, 1))}),
        ["2", "(0, 1)"],
    ),
    "a map of the wrong shape": (
        lambda _: transform({0: jnp.ones((16, 16))}),
        ["(16, 16)", "(batch, 16, 16, channel)"],
    ),
    "a map of the wrong dtype": (
        lambda _: transform({0: jnp.ones((1, 16, 16, 1), jnp.uint8)}),
        ["uint8", "float32"],
    ),
    "a field of another grid, to a network": (
        lambda _: model()({0: jnp.ones((1, 32, 32, 1))}),
        ["(1, 32, 32, 1)", "(batch, 16, 16, 1)"],
    ),
    "float64 without x64": (
        lambda _: st.SpinTransform(GRID, (0,), dtype="float64"),
        ["float64", "jax_enable_x64"],
    ),
    "a float64 network without x64": (
        lambda _: model(dtype="float64"),
        ["float64", "jax_enable_x64"],
    ),
    "a float64 map without x64, to a network": (
        lambda _: model()({0: np.ones((1, 16, 16, 1))}),
        ["float64", "jax_enable_x64"],
    ),
    "a complex map, to a planar network": (
        lambda _: model("tiny_cnn_classifier")({0: jnp.ones((1, 16, 16, 1), jnp.complex64)}),
        ["complex64", "real"],
    ),
    "a float64 map without x64": (
        lambda _: transform({0: np.ones((1, 16, 16, 1))}),
        ["float64", "jax_enable_x64"],
    ),
    "MNIST files that are missing": (
        lambda folder: load_mnist(folder),
        ["train-images-idx3-ubyte", "SPIN_MNIST_DIR"],
    ),
    "MNIST files that are cut short": (
        lambda folder: load_mnist(with_files(folder, cut=100)),
        ["train-images-idx3-ubyte"],
    ),
    "MNIST files that are something else": (
        lambda folder: load_mnist(with_files(folder, magic=1234)),
        ["train-images-idx3-ubyte", "000004d2"],
    ),
    "MNIST files with other bytes": (
        lambda folder: load_mnist(with_files(folder)),
        ["train-images-idx3-ubyte", "6bbc9ace898e44ae57da46a324031adb"],
    ),
}


@pytest.mark.parametrize("kind", FROM_PYTHON)
def test_from_python(kind, tmp_path):
    call, words = FROM_PYTHON[kind]
    with pytest.raises((ValueError, LookupError, TypeError, OSError)) as caught:
        call(tmp_path)
    check_line(str(caught.value), words)


FROM_THE_COMMAND_LINE = {
    "an unknown model": (
        ["--config.model_name", "spin_classifier_7_layers"],
        ["spin_classifier_7_layers", "spin_classifier_6_layers"],
    ),
    "an unknown dataset": (["--config.dataset", "digit/rotated"], ["digit/rotated", "digits/"]),
    "an unknown key": (["--config.learning_rat", "1"], ["learning_rat", "learning_rate"]),
    "a value of another type": (["--config.seed", "many"], ["seed", "many", "int"]),
    "a word astray": (["False"], ["False"]),
    "an unknown preset": (["--config", "digit"], ["digit", "digits", "spherical_mnist"]),
    "an option that no file can hold": (
        ["--config.model_options.spins", "{0,1}"],
        ["{0,1}", "(0,1)"],
    ),
    "an option with a dot": (["--config.model_options.a.b", "1"], ["model_options.a.b"]),
    "a seed too large": (["--config.seed", "99999999999999999999"], ["seed", "2**32"]),
    "an option the model has not": (["--config.model_options.depth", "9"], ["depth", "widths"]),
}


@pytest.mark.parametrize("kind", FROM_THE_COMMAND_LINE)
def test_from_the_command_line(kind, tmp_path, capsys):
    words, expected = FROM_THE_COMMAND_LINE[kind]
    assert main(["--workdir", str(tmp_path), *words]) == 2
    check_line(capsys.readouterr().err.strip(), expected)


def test_a_workdir_that_holds_another_configuration(tmp_path, capsys):
    words = ["--workdir", str(tmp_path), "--config.num_train_steps", "1"]
    words += ["--config.num_eval_steps", "1", "--config.report_examples", "0"]
    words += ["--config.per_device_batch_size", "1", "--config.model_name", "tiny_classifier"]
    words += ["--config.dataset_options.resolution", "16"]
    assert main(words) == 0
    capsys.readouterr()
    assert main([*words, "--config.learning_rate", "0.5"]) == 2
    check_line(capsys.readouterr().err.strip(), ["learning_rate", "0.01", "0.5", "--workdir"])


def test_a_workdir_with_a_configuration_that_is_none(tmp_path, capsys):
    (tmp_path / "config.json").write_text("{}")
    assert main(["--workdir", str(tmp_path)]) == 2
    check_line(capsys.readouterr().err.strip(), ["config.json", "not the configuration of a run"])


def check_line(line, words):
    assert "\n" not in line, line
    assert "Traceback" not in line
    missing = [word for word in words if word not in line]
    assert not missing, (missing, line)


def load_mnist(folder):
    return spherical_mnist.load(config="canonical", data_dir=folder / "built", mnist_dir=folder)


def with_files(folder, magic=0x803, cut=None):
    """The four files with the right names and a little of the wrong content."""
    images = struct.pack(">4i", magic, 2, 28, 28) + bytes(2 * 28 * 28)
    labels = struct.pack(">2i", 0x801, 2) + bytes(2)
    for part in ("train", "t10k"):
        for name, content in (("images-idx3", images[:cut]), ("labels-idx1", labels)):
            (folder / f"{part}-{name}-ubyte.gz").write_bytes(gzip.compress(content))
    return folder
