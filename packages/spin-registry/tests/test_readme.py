"""What the README says is true: its plugin is installed and its example run."""

import re
import tomllib
from pathlib import Path

import pytest

import spin_registry as sr
from spin_registry import hooks

README = Path(__file__).parent.parent.joinpath("README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def public_hooks():
    return [n for n, v in vars(hooks).items() if hasattr(v, "spin_registry_spec")]


def test_the_example_runs_with_the_plugin_of_the_readme(site):
    project = tomllib.loads(blocks("toml")[0])["project"]
    site.install(project["name"], project["entry-points"]["spin_registry"], project["version"])
    example, *files = blocks("python")
    for source in files:
        name = re.match(r"# (my_package/\w+\.py)\n", source)[1]
        site.write(name, source)
    names = {}
    exec(example, names)
    assert sr.broken_plugins() == ()
    assert names["model"] == {"spins": (0,), "classes": 2, "depth": 6}
    assert len(names["data"].splits["train"]) == 3
    assert names["description"] == {"kind": "MyGrid", "resolution": 16}


def test_there_are_hooks():
    assert set(public_hooks()) == {"register_models", "register_datasets", "register_grids"}


@pytest.mark.parametrize("hook", public_hooks())
def test_every_hook_is_documented(hook):
    assert getattr(hooks, hook).__doc__
    assert f"| `{hook}()` |" in README


@pytest.mark.parametrize("error", [n for n in sr.__all__ if n.endswith("Error")])
def test_every_error_is_documented(error):
    assert error in README
