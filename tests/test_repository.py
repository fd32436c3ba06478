"""What the distributions have in common."""

import pathlib
import re
import subprocess
import sys
import tomllib

import pytest

ROOT = pathlib.Path(__file__).parents[1]
DISTRIBUTIONS = sorted(
    path.parent
    for folder in ("packages", "datasets", "apps")
    for path in ROOT.glob(f"{folder}/*/pyproject.toml")
)
PROJECTS = {
    folder: tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    for folder in DISTRIBUTIONS
}
OURS = {project["name"] for project in PROJECTS.values()}


def test_versions_move_together():
    assert len(OURS) == 7
    assert len({project["version"] for project in PROJECTS.values()}) == 1


@pytest.mark.parametrize("folder", DISTRIBUTIONS, ids=lambda folder: folder.name)
def test_each_distribution_has_what_it_should(folder):
    (module,) = (
        path
        for path in (folder / "src").iterdir()
        if path.is_dir() and "-" not in path.name and not path.name.endswith(".egg-info")
    )
    assert (module / "py.typed").exists()
    assert "```python" in (folder / "README.md").read_text()
    assert list((folder / "tests").glob("test_*.py"))
    for requirement in PROJECTS[folder]["dependencies"]:
        name = requirement.split(">=")[0]
        assert name != requirement, f"{requirement}: no lower bound"
        if name in OURS:
            assert requirement.endswith("<0.2"), f"{requirement}: siblings move together"


def test_every_distribution_is_known_to_the_workspace_the_linter_and_tox():
    root = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    assert set(root["uv"]["sources"]) == OURS
    assert set(root["importlinter"]["root_packages"]) == {name.replace("-", "_") for name in OURS}
    tox = (ROOT / "tox.ini").read_text()
    assert all(f"[testenv:{name}]" in tox for name in OURS)


def rooms(distribution):
    """The modules and packages directly under a distribution's module, public and private."""
    (source,) = (distribution / "src").glob("*/__init__.py")
    found = {path.name for path in source.parent.iterdir() if (path / "__init__.py").exists()}
    found |= {path.stem for path in source.parent.glob("*.py") if path.name != "__init__.py"}
    return source.parent.name, found


@pytest.mark.parametrize("folder", DISTRIBUTIONS, ids=lambda folder: folder.name)
def test_every_room_is_on_the_map(folder):
    name, expected = rooms(folder)
    page = (ROOT / "CONTRIBUTING.md").read_text()
    table = page[page.index(f"| `{name}` |") :].split("\n\n")[0]
    on_the_map = {
        room
        for line in table.splitlines()[2:]
        for room in re.findall(r"`([^`]*)`", line.split("|")[1])
    }
    assert on_the_map == expected


@pytest.mark.parametrize("folder", DISTRIBUTIONS, ids=lambda folder: folder.name)
def test_the_linter_has_every_room_in_its_layers(folder):
    name, expected = rooms(folder)
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (layers,) = (c for c in contracts["contracts"] if c.get("containers") == [name])
    assert layers["exhaustive"]
    assert {
        room.strip() for line in layers["layers"] for room in re.split("[:|]", line)
    } == expected


def test_names_of_all_registered_things_are_found_without_numpy():
    program = (
        "import sys, spin_registry as sr\n"
        "assert not sr.broken_plugins()\n"
        "assert sr.model_names() and sr.dataset_names()\n"
        "assert 'EquiangularGrid' in sr.grid_names()\n"
        "assert not {'jax', 'numpy', 'flax', 'grain'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
