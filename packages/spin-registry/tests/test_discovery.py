from importlib.metadata import EntryPoint

import pytest

import spin_registry as sr
from spin_registry.discovery import discover

GOOD = """
@sr.hookimpl
def register_models():
    return [sr.ModelEntry("good_net", "nets:net", "A net", {"depth": 4})]

@sr.hookimpl
def register_datasets():
    return (sr.DatasetEntry("good_data", "data:load"),)

@sr.hookimpl
def register_grids():
    return [sr.GridEntry("good_grid", "grids:Grid", "A grid")]
"""


def models(*names):
    entries = ", ".join(f"sr.ModelEntry({name!r}, 'nets:net')" for name in names)
    return f"@sr.hookimpl\ndef register_models(): return [{entries}]\n"


def test_nothing_installed(site):
    registry = site.discover()
    assert registry.models.names() == registry.datasets.names() == registry.grids.names() == ()
    assert registry.broken == ()


def test_a_plugin_registers_models_datasets_and_grids(site):
    site.plugin("good", GOOD, version="2.1")
    registry = site.discover()
    assert registry.models.names() == ("good_net",)
    assert registry.models.get("good_net").options == {"depth": 4}
    assert registry.datasets.get("good_data").loader == "data:load"
    assert registry.grids.get("good_grid").factory == "grids:Grid"
    assert str(registry.models.registrations[0].plugin) == "plugin 'good' of good-dist 2.1"


def test_one_hook_is_enough_and_names_are_sorted(site):
    site.plugin("one", models("zebra", "aardvark"))
    site.plugin("two", models("mule"))
    assert site.discover().models.names() == ("aardvark", "mule", "zebra")


def test_a_plugin_may_register_grids_alone(site):
    site.plugin("one", "@sr.hookimpl\ndef register_grids(): return [sr.GridEntry('g', 'a:b')]")
    registry = site.discover()
    assert registry.grids.names() == ("g",)
    assert registry.models.names() == registry.datasets.names() == registry.broken == ()


def test_other_groups_are_not_asked_for(site):
    site.plugin("good", GOOD)
    site.write("good_dist-1.0.dist-info/entry_points.txt", "[other]\ngood = good\n")
    assert site.discover().models.names() == ()


def test_an_object_in_a_module_can_be_the_plugin(site):
    site.write(
        "holder.py",
        """
        import spin_registry as sr

        class Plugin:
            @sr.hookimpl
            def register_models(self):
                return [sr.ModelEntry("held", "nets:net")]

        plugin = Plugin()
        """,
    )
    site.install("holder", {"holder": "holder:plugin"})
    assert site.discover().models.names() == ("held",)


def test_an_entry_point_without_a_distribution(site):
    site.write("good.py", "import spin_registry as sr\n" + GOOD)
    registry = discover([EntryPoint("good", "good", "spin_registry")])
    assert str(registry.models.registrations[0].plugin) == "plugin 'good' of unknown unknown"


def test_a_plugin_may_share_its_entry_point_s_name_with_another(site):
    site.plugin("one", models("first"))
    site.plugin("two", models("second"))
    site.install("one-dist", {"same": "one"})
    site.install("two-dist", {"same": "two"})
    assert site.discover().models.names() == ("first", "second")


BROKEN = {
    "fails at import": ("raise RuntimeError('two\\nlines')", "RuntimeError: two lines"),
    "lacks a dependency": (
        "import not_installed_anywhere",
        "ModuleNotFoundError: No module named 'not_installed_anywhere'",
    ),
    "is no Python": ("def", "SyntaxError: invalid syntax"),
    "exits": ("raise SystemExit('bye')", "SystemExit: bye"),
    "raises in a hook": (
        "@sr.hookimpl\ndef register_models(): raise ValueError('no')",
        "ValueError: no",
    ),
    "has a hook with an argument": (
        "@sr.hookimpl\ndef register_models(config): return []",
        "PluginValidationError",
    ),
    "misspells a hook": (
        "@sr.hookimpl\ndef register_model(): return []",
        "unknown hook 'register_model'",
    ),
    "forgets the marker": (
        "def register_models(): return []",
        "TypeError: 'bad' implements none of register_models, register_datasets, register_grids; "
        "mark one with @spin_registry.hookimpl",
    ),
    "forgets to return": (
        "@sr.hookimpl\ndef register_models(): pass",
        "TypeError: register_models must return a list of ModelEntry, not None",
    ),
    "returns one entry": (
        "@sr.hookimpl\ndef register_models(): return sr.ModelEntry('n', 'a:b')",
        "must return a list of ModelEntry, not ModelEntry(name='n'",
    ),
    "returns names": (
        "@sr.hookimpl\ndef register_models(): return ['my_net']",
        "TypeError: register_models must return a list of ModelEntry, not 'my_net'",
    ),
    "returns models as datasets": (
        "@sr.hookimpl\ndef register_datasets(): return [sr.ModelEntry('n', 'a:b')]",
        "register_datasets must return a list of DatasetEntry, not ModelEntry(",
    ),
    "returns the class of a grid": (
        "class Grid: pass\n@sr.hookimpl\ndef register_grids(): return [Grid]",
        "TypeError: register_grids must return a list of GridEntry, not <class 'bad.Grid'>",
    ),
    "writes an entry wrongly": (
        "@sr.hookimpl\ndef register_models(): return [sr.ModelEntry('n', 'a.b')]",
        "ValueError: ModelEntry 'n': factory must be a string 'module:attribute'",
    ),
    "fails after its models": (
        "@sr.hookimpl\ndef register_models(): return [sr.ModelEntry('half', 'a:b')]\n"
        "@sr.hookimpl\ndef register_datasets(): raise ValueError('no')",
        "ValueError: no",
    ),
    "fails after its models and datasets": (
        "@sr.hookimpl\ndef register_models(): return [sr.ModelEntry('half', 'a:b')]\n"
        "@sr.hookimpl\ndef register_datasets(): return [sr.DatasetEntry('half', 'a:b')]\n"
        "@sr.hookimpl\ndef register_grids(): raise ValueError('no')",
        "ValueError: no",
    ),
    "wraps a hook": (
        "@sr.hookimpl(wrapper=True)\ndef register_models(): yield; return None",
        "TypeError",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_plugin_that_is_broken_harms_no_other(site, case):
    source, reason = BROKEN[case]
    site.plugin("a_good_one", GOOD)
    site.plugin("bad", source, version="0.3")
    site.plugin("other", models("other_net"))
    registry = site.discover()
    assert registry.models.names() == ("good_net", "other_net")
    assert registry.datasets.names() == ("good_data",)
    assert registry.grids.names() == ("good_grid",)
    (broken,) = registry.broken
    assert (broken.name, broken.distribution, broken.version) == ("bad", "bad-dist", "0.3")
    assert isinstance(broken.error, BaseException)
    assert reason in broken.reason
    assert "\n" not in broken.reason


def test_an_entry_point_to_nowhere_is_broken(site):
    site.install("lost", {"lost": "nowhere.plugin", "found": "json:missing"})
    reasons = {broken.name: broken.reason for broken in site.discover().broken}
    assert reasons["lost"] == "ModuleNotFoundError: No module named 'nowhere'"
    assert reasons["found"].startswith("AttributeError")


def test_metadata_left_behind_by_an_uninstallation(site):
    site.write("gone-1.0.dist-info/entry_points.txt", "[spin_registry]\ngone = gone_plugin\n")
    (broken,) = site.discover().broken
    assert broken.name == "gone"


def test_two_plugins_register_one_name(site):
    site.plugin("one", models("shared", "first"), version="1.1")
    site.plugin("two", models("shared", "second"), version="2.2")
    catalogue = site.discover().models
    assert catalogue.names() == ("first", "second", "shared")
    assert catalogue.get("first").name == "first"
    assert catalogue.get("second").name == "second"
    with pytest.raises(sr.NameConflictError) as raised:
        catalogue.get("shared")
    assert str(raised.value) == (
        "model 'shared' is registered more than once: by plugin 'one' of one-dist 1.1 and by "
        "plugin 'two' of two-dist 2.2; rename one, or uninstall a distribution"
    )


def test_one_plugin_registers_one_name_twice(site):
    site.plugin("one", models("twin", "twin", "single"))
    catalogue = site.discover().models
    assert list(catalogue.conflicts()) == ["twin"]
    assert catalogue.get("single").name == "single"
    with pytest.raises(LookupError, match=r"by plugin 'one' .* and by plugin 'one'"):
        catalogue.get("twin")


def test_two_plugins_register_one_grid(site):
    for name in ("one", "two"):
        site.plugin(
            name, "@sr.hookimpl\ndef register_grids(): return [sr.GridEntry('same', 'a:b')]"
        )
    with pytest.raises(sr.NameConflictError, match=r"^grid 'same' is registered more than once"):
        site.discover().grids.get("same")


def test_a_model_a_dataset_and_a_grid_may_have_one_name(site):
    site.plugin(
        "one",
        models("same")
        + "@sr.hookimpl\ndef register_datasets(): return [sr.DatasetEntry('same', 'a:b')]\n"
        + "@sr.hookimpl\ndef register_grids(): return [sr.GridEntry('same', 'c:d')]",
    )
    registry = site.discover()
    assert registry.models.get("same").factory == "nets:net"
    assert registry.datasets.get("same").loader == "a:b"
    assert registry.grids.get("same").factory == "c:d"
