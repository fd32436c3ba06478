import json

import pytest

from spin_registry.listing import main

MINE = """
@sr.hookimpl
def register_models():
    return [
        sr.ModelEntry("my_net", "nets:net", "A net of mine", {"depth": 4, "kind": "wide"}),
        sr.ModelEntry("shared", "nets:net"),
    ]
"""
YOURS = """
@sr.hookimpl
def register_models():
    return [sr.ModelEntry("shared", "nets:net", options={"dtype": float})]

@sr.hookimpl
def register_grids():
    return [sr.GridEntry("YourGrid", "grids:Grid", "A grid of yours")]
"""


@pytest.fixture
def full(site):
    site.plugin("mine", MINE, version="1.5")
    site.plugin("yours", YOURS)
    site.plugin("bad", "raise RuntimeError('two\\nlines')", version="0.3")
    return site


def test_table(full, capsys):
    assert main([]) == 0
    assert capsys.readouterr().out == (
        "MODEL   DISTRIBUTION    SUMMARY        PRESET OPTIONS\n"
        "my_net  mine-dist 1.5   A net of mine  depth=4, kind='wide'\n"
        "shared  mine-dist 1.5                  -\n"
        "shared  yours-dist 1.0                 dtype=<class 'float'>\n"
        "\n"
        "DATASET  DISTRIBUTION  SUMMARY  PRESET OPTIONS\n"
        "(none is registered)\n"
        "\n"
        "GRID      DISTRIBUTION    SUMMARY          PRESET OPTIONS\n"
        "YourGrid  yours-dist 1.0  A grid of yours  -\n"
        "\n"
        "Registered more than once, and refused:\n"
        "  model shared: mine-dist 1.5, yours-dist 1.0\n"
        "\n"
        "Plugins that failed to load:\n"
        "  bad: bad-dist 0.3: RuntimeError: two lines\n"
    )


def test_nothing_is_said_of_what_is_not_broken(site, capsys):
    site.plugin("yours", YOURS)
    main([])
    output = capsys.readouterr().out
    assert "refused" not in output
    assert "failed" not in output


def test_a_conflict_between_grids_is_listed(site, capsys):
    site.plugin("yours", YOURS)
    site.plugin("theirs", YOURS)
    main([])
    assert "  grid YourGrid: theirs-dist 1.0, yours-dist 1.0\n" in capsys.readouterr().out


def test_json(full, capsys):
    assert main(["--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["models"][0] == {
        "name": "my_net",
        "plugin": "mine",
        "distribution": "mine-dist",
        "version": "1.5",
        "summary": "A net of mine",
        "options": {"depth": 4, "kind": "wide"},
        "factory": "nets:net",
    }
    assert found["datasets"] == []
    assert found["grids"] == [
        {
            "name": "YourGrid",
            "plugin": "yours",
            "distribution": "yours-dist",
            "version": "1.0",
            "summary": "A grid of yours",
            "options": {},
            "factory": "grids:Grid",
        }
    ]
    (conflict,) = found["conflicts"]
    assert (conflict["kind"], conflict["name"]) == ("model", "shared")
    assert [plugin["distribution"] for plugin in conflict["plugins"]] == ["mine-dist", "yours-dist"]
    assert found["broken"] == [
        {
            "plugin": "bad",
            "distribution": "bad-dist",
            "version": "0.3",
            "error": "RuntimeError: two lines",
        }
    ]


def test_help_tells_the_exit_status(capsys):
    with pytest.raises(SystemExit) as raised:
        main(["--help"])
    assert raised.value.code == 0
    assert "exit status is 0" in capsys.readouterr().out


def test_as_a_module_with_entry_points_that_are_really_installed(full):
    output = full.run("-m", "spin_registry")
    assert "my_net  mine-dist 1.5" in output
    assert "bad: bad-dist 0.3: RuntimeError: two lines" in output
    assert json.loads(full.run("-m", "spin_registry", "--json"))["conflicts"]
