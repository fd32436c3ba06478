import pytest

import spin_registry as sr

PLUGIN = """
@sr.hookimpl
def register_models():
    return [sr.ModelEntry(name, "nets:net") for name in ("spin_net", "planar_net")]

@sr.hookimpl
def register_datasets():
    return [sr.DatasetEntry("digits", "data:load")]
"""


def refusal(lookup, name):
    with pytest.raises(sr.UnknownNameError) as raised:
        lookup(name)
    assert isinstance(raised.value, LookupError)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_names_and_entries(site):
    site.plugin("mine", PLUGIN)
    assert sr.model_names() == ("planar_net", "spin_net")
    assert sr.dataset_names() == ("digits",)
    assert sr.get_model("spin_net") == sr.ModelEntry("spin_net", "nets:net")
    assert sr.get_dataset("digits") == sr.DatasetEntry("digits", "data:load")
    assert sr.broken_plugins() == ()


def test_unknown_name(site):
    site.plugin("mine", PLUGIN)
    assert refusal(sr.get_model, "spin_nte") == (
        "unknown model 'spin_nte' (did you mean 'spin_net'?); registered are planar_net, spin_net; "
        "install the distribution that registers it; spin-list shows every model"
    )
    assert refusal(sr.get_dataset, "xyz") == (
        "unknown dataset 'xyz'; registered are digits; "
        "install the distribution that registers it; spin-list shows every dataset"
    )


def test_unknown_name_where_nothing_is_registered(site):
    assert "unknown model 'net'; no model is registered; install" in refusal(sr.get_model, "net")


def test_unknown_name_that_a_broken_plugin_may_have(site):
    site.plugin("mine", PLUGIN)
    site.plugin("bad", "import not_installed_anywhere", version="0.3")
    assert refusal(sr.get_model, "xyz") == (
        "unknown model 'xyz'; registered are planar_net, spin_net; it may be in what failed to "
        "load: plugin 'bad' of bad-dist 0.3 (ModuleNotFoundError: No module named "
        "'not_installed_anywhere')"
    )
    (broken,) = sr.broken_plugins()
    assert (broken.name, broken.distribution, broken.version) == ("bad", "bad-dist", "0.3")
    assert isinstance(broken.error, ModuleNotFoundError)


def test_plugins_are_discovered_once_and_again_after_a_refresh(site):
    assert sr.model_names() == ()
    site.plugin("mine", PLUGIN)
    assert sr.model_names() == ()
    sr.refresh()
    assert sr.model_names() == ("planar_net", "spin_net")


LAZY = """
import sys
import spin_registry as sr
assert "plugin_of_mine" not in sys.modules, "discovered at import"
assert sr.model_names() == ("my_net",), sr.broken_plugins()
assert sr.dataset_names() == ("my_data",)
assert sr.broken_plugins() == ()
entry = sr.get_model("my_net")
assert not {"jax", "numpy", "heavy"} & set(sys.modules), "listing imported something heavy"
print(entry.create(input=None, output=None, rngs=None), "jax" in sys.modules)
"""


def test_listing_imports_nothing_heavy_and_needs_pluggy_only(site):
    site.write("jax.py", "")
    site.write("numpy.py", "")
    site.write("heavy.py", "import jax, numpy\ndef net(input, output, *, rngs): return 'made'")
    site.plugin(
        "plugin_of_mine",
        """
        @sr.hookimpl
        def register_models(): return [sr.ModelEntry("my_net", "heavy:net")]

        @sr.hookimpl
        def register_datasets(): return [sr.DatasetEntry("my_data", "heavy:data")]
        """,
    )
    assert site.run("-c", LAZY) == "made True\n"


def test_every_public_name_exists_and_is_documented():
    assert list(sr.__all__) == sorted(sr.__all__)
    for name in sr.__all__:
        assert getattr(sr, name).__doc__


WITH_ARGUMENT = """
@sr.hookimpl
def register_datasets():
    return [
        sr.DatasetEntry("folder", "builtins:dict", options={"size": 3}, argument="path"),
        sr.DatasetEntry("plain", "builtins:dict"),
        sr.DatasetEntry("with:colon", "builtins:dict"),
    ]
"""


def test_a_name_may_carry_an_argument(site):
    site.plugin("mine", WITH_ARGUMENT)
    entry = sr.get_dataset("folder:/some where:else")
    assert entry.load() == {"size": 3, "path": "/some where:else"}
    assert sr.get_dataset("folder").load() == {"size": 3}
    assert sr.get_dataset("with:colon").name == "with:colon"
    assert refusal(sr.get_dataset, "plain:x") == (
        "dataset 'plain' takes nothing after a colon, but was given 'x'; ask for 'plain'"
    )
    for empty in ("folder:", "folder: "):
        assert refusal(sr.get_dataset, empty) == (
            "dataset 'folder' wants its path after the colon, and nothing is there; "
            "ask for 'folder:PATH'"
        )
    assert "unknown dataset 'floder:x'" in refusal(sr.get_dataset, "floder:x")


def test_a_malformed_argument_is_refused():
    with pytest.raises(ValueError, match="argument must be the name of an option"):
        sr.DatasetEntry("d", "a:b", argument="two words")


def test_the_origin_of_an_entry_names_its_plugin(site):
    source = "@sr.hookimpl\ndef register_datasets(): "
    source += "return [sr.DatasetEntry('mine', 'a:b', argument='path')]"
    site.plugin("one", source, version="1.1")
    sr.refresh()
    assert sr.dataset_origin("mine") == "dataset 'mine' (plugin 'one' of one-dist 1.1)"
    assert sr.dataset_origin("mine:/data") == "dataset 'mine:/data' (plugin 'one' of one-dist 1.1)"
    assert sr.model_origin("none") == "model 'none'"
