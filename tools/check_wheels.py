"""Builds a wheel of every distribution, installs the wheels with plain pip, and uses them.

Usage: python tools/check_wheels.py DIRECTORY

Editable installs hide data files, entry points and dependencies that are missing in a wheel.
"""

import pathlib
import subprocess
import sys
import tomllib
import venv

ROOT = pathlib.Path(__file__).parents[1]
DISTRIBUTIONS = sorted(
    path.parent
    for folder in ("packages", "datasets", "apps")
    for path in ROOT.glob(f"{folder}/*/pyproject.toml")
)
# What a user does after the installation, outside this repository.
USE = """
import spin_registry as sr
assert not sr.broken_plugins(), sr.broken_plugins()
assert {"spin_classifier_6_layers", "tiny_classifier"} <= set(sr.model_names())
import spin_models
for name in spin_models.pretrained_names():
    spin_models.load_pretrained(*name)
assert ("spin_classifier_6_layers", "spherical_mnist/rotated") in spin_models.pretrained_names()
assert {"digits/rotated", "spherical_mnist/rotated"} <= set(sr.dataset_names())
import spin_train
config = spin_train.load_config("digits")
config.model_name, config.num_train_steps = "tiny_classifier", 2
config.dataset_options.resolution = 16
summary = spin_train.train(config, "run")
assert 0 <= summary["test"]["accuracy"] <= 1
print(summary)
"""
# Distributions in the order of their installation, and what each must do then.
IN_TURN = {
    "sphere-transforms": "import sphere_transforms as st; st.SpinTransform(st.EquiangularGrid(8))",
    "spin-registry": "import spin_registry as sr; assert sr.grid_names() and not sr.model_names()",
    "spin-data": "import spin_registry as sr; sr.get_dataset('digits/rotated').load()",
    "spin-train spin-models spherical-mnist": USE,
}
# Without compiling bytecode: only a small fraction of the libraries is imported here.
INSTALL = ("install", "--no-compile")


def main(directory: str) -> None:
    """Builds into DIRECTORY/dist, installs into DIRECTORY/environment."""
    work = pathlib.Path(directory)
    wheels, environment = work / "dist", work / "environment"
    work.mkdir(parents=True, exist_ok=True)
    venv.create(environment, with_pip=True, clear=True)
    pip = pip_of(environment)
    build(wheels, work / "builder")
    names = [path.name.split("-")[0] for path in wheels.glob("*.whl")]
    if len(set(names)) != len(DISTRIBUTIONS):
        sys.exit(f"{len(DISTRIBUTIONS)} distributions made these wheels: {sorted(names)}")
    # One after another into one environment: each is used with what it and those before it declare.
    for name, use in IN_TURN.items():
        run(*pip, *INSTALL, "--find-links", wheels, *name.split())
        run(environment / "bin" / "python", "-c", use, cwd=work)
    run(*pip, "check")
    run(environment / "bin" / "spin-list", cwd=work)


def build(wheels: pathlib.Path, builder: pathlib.Path) -> None:
    """Builds a wheel of every distribution, all in one environment with what they need for it.

    Ends the program if they do not all need the same: `pip` would otherwise fill an environment for
    each, which takes longer than all else here.
    """
    requirements = {
        tuple(tomllib.loads((folder / "pyproject.toml").read_text())["build-system"]["requires"])
        for folder in DISTRIBUTIONS
    }
    if len(requirements) != 1:
        sys.exit(f"distributions are built with different requirements: {requirements}")
    venv.create(builder, with_pip=True, clear=True)
    pip = pip_of(builder)
    run(*pip, "install", *requirements.pop())
    options = ("--no-deps", "--no-build-isolation", "--wheel-dir", wheels)
    run(*pip, "wheel", *options, *DISTRIBUTIONS)


def pip_of(environment: pathlib.Path) -> list[object]:
    """Returns the command that runs an environment's pip."""
    python = environment / "bin" / "python"
    return [python, "-m", "pip", "--disable-pip-version-check", "-q"]


def run(*command: object, cwd: pathlib.Path = ROOT) -> None:
    """Runs a command, and ends the program with its exit code if it fails."""
    words = [str(word) for word in command]
    print("$", *words if len(words[-1]) < 100 else words[:-1], flush=True)
    code = subprocess.run(words, cwd=cwd).returncode
    if code:
        sys.exit(code)


if __name__ == "__main__":
    main(sys.argv[1])
