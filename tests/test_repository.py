"""What the distributions have in common."""

import pathlib
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
