import json

import pytest

from spin_registry import discovery, listing
from spin_registry.__main__ import main

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


NOISY = """
import os
print("print at import")
os.write(1, b"write at import\\n")

@sr.hookimpl
def register_models():
    print("print in a hook")
    return [sr.ModelEntry("noisy_net", "nets:net")]
"""


def test_what_plugins_print_is_not_among_the_json(full):
    full.plugin("noisy", NOISY)
    found = json.loads(full.run("-m", "spin_registry", "--json"))
    assert "noisy_net" in [model["name"] for model in found["models"]]


def test_what_plugins_print_does_not_reach_stdout_in_a_lookup(site, capsys):
    site.plugin("noisy", NOISY.replace('os.write(1, b"write at import\\n")', ""))
    assert site.discover().models.names() == ("noisy_net",)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "print at import\nprint in a hook\n"


@pytest.mark.parametrize("content", [b"[spin_registry]\njust words\n", b"[spin_reg\xff\xfe"])
def test_entry_points_that_cannot_be_read_are_named(full, content):
    full.write("torn_dist-2.5.dist-info/METADATA", "Name: torn-dist\nVersion: 2.5\n")
    (full.path / "torn_dist-2.5.dist-info" / "entry_points.txt").write_bytes(content)
    output = full.run("-m", "spin_registry")
    assert "my_net  mine-dist 1.5" in output
    assert "entry_points.txt: torn-dist 2.5: ValueError: its entry_points.txt cannot be" in output
    code = "import spin_registry as sr; print(sr.get_model('my_net').factory)"
    assert full.run("-c", code) == "nets:net\n"


ENDLESS = """
import time
for _ in range(100):
    try:
        time.sleep(6)
    except Exception:
        pass
"""


def test_an_import_without_end_is_cut_and_named(full, capsys, monkeypatch):
    full.plugin("endless", ENDLESS, version="0.7")
    monkeypatch.setattr(listing, "_SECONDS_PER_PLUGIN", 0.2)
    monkeypatch.setattr(discovery.metadata, "entry_points", full.entry_points)
    assert main([]) == 0
    output = capsys.readouterr().out
    assert "endless: endless-dist 0.7: TimeoutError: not loaded after 0.2 s" in output
    assert "my_net  mine-dist 1.5" in output


def test_a_slow_plugin_is_named_while_it_loads(site, capsys, monkeypatch):
    monkeypatch.setattr(discovery, "_SECONDS_UNTIL_A_NOTE", 0)
    site.plugin("slow", "import time\ntime.sleep(0.2)\n" + YOURS, version="0.8")
    site.discover()
    said = "note: plugin 'slow' of slow-dist 0.8 is still loading; Ctrl-C stops"
    assert said in capsys.readouterr().err
