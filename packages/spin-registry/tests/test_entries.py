import copy
import pickle

import pytest

import spin_registry as sr

NETS = """
class Meta(type):
    # As flax.nnx.Module's: inspect.signature stops at it.
    def __call__(cls, *args, **kwargs):
        return super().__call__(*args, **kwargs)

def net(input, output, *, rngs, depth=2, width=8):
    return input, output, rngs, depth, width

def anything(input, output, *, rngs, **options):
    return options

def all_keywords(input, output, **keywords):
    return keywords

def needy(input, output, *, rngs, depth):
    return depth

def optionless(input, output, *, rngs):
    return "made"

def no_rngs(input, output):
    raise AssertionError

def raises(input, output, *, rngs):
    raise TypeError("the factory's own")

class Module(metaclass=Meta):
    def __init__(self, input, output, *, rngs, depth=2):
        self.depth = depth

    @classmethod
    def deep(cls, input, output, *, rngs):
        return cls(input, output, rngs=rngs, depth=99)


constant = 3
"""


@pytest.fixture
def nets(site):
    site.write("nets.py", NETS)
    site.write("needs_missing.py", "import not_installed_anywhere")
    site.write("explodes.py", "raise RuntimeError('at import')")


def create(factory, entry_options=None, **options):
    entry = sr.ModelEntry("my_net", factory, options=entry_options or {})
    return entry.create(input="in", output="out", rngs="rngs", **options)


def refusal(error, factory, entry_options=None, **options):
    with pytest.raises(error) as raised:
        create(factory, entry_options, **options)
    assert isinstance(raised.value, sr.RegistryError)
    message = str(raised.value)
    assert "\n" not in message
    assert "model 'my_net'" in message
    return message


def test_create_gives_the_factory_what_it_wants(nets):
    assert create("nets:net") == ("in", "out", "rngs", 2, 8)


def test_options_of_the_call_go_before_those_of_the_entry(nets):
    assert create("nets:net", {"depth": 4, "width": 5}, depth=6)[3:] == (6, 5)


def test_any_option_is_passed_to_a_factory_that_takes_any(nets):
    assert create("nets:anything", {"a": 1}, b=2) == {"a": 1, "b": 2}
    assert create("nets:all_keywords", a=1) == {"a": 1, "rngs": "rngs"}


def test_a_class_and_a_method_are_factories_too(nets):
    assert create("nets:Module", depth=7).depth == 7
    assert create("nets:Module.deep").depth == 99


def test_unknown_option(nets):
    message = refusal(sr.OptionError, "nets:net", dept=3)
    assert message == (
        "model 'my_net' (nets:net): unknown option 'dept' (did you mean 'depth'?); "
        "the options are depth, width"
    )


def test_unknown_option_of_the_entry_itself(nets):
    assert "unknown option 'colour'; the options are" in refusal(
        sr.OptionError, "nets:net", {"colour": 1}
    )


def test_unknown_option_of_a_class_whose_metaclass_takes_anything(nets):
    assert "unknown option 'width'" in refusal(sr.OptionError, "nets:Module", width=3)


def test_there_are_no_options(nets):
    assert "unknown option 'depth'; there are no options" in refusal(
        sr.OptionError, "nets:optionless", depth=3
    )


@pytest.mark.parametrize("factory", ["nets:net", "nets:anything", "nets:all_keywords"])
@pytest.mark.parametrize("reserved", ["rngs", "input"])
def test_an_entry_cannot_set_what_the_call_sets(nets, factory, reserved):
    message = refusal(sr.OptionError, factory, {reserved: 1})
    assert repr(reserved) in message


def test_missing_option(nets):
    message = refusal(sr.OptionError, "nets:needy")
    assert "missing a required" in message
    assert message.endswith("'depth'; the options are depth")


def test_factory_that_does_not_take_what_every_factory_is_given(nets):
    message = refusal(sr.OptionError, "nets:no_rngs")
    assert "takes (input, output), but is called with 2 positional arguments" in message
    assert "unexpected keyword argument 'rngs'" in message


def test_what_the_factory_raises_is_left_alone(nets):
    with pytest.raises(TypeError, match=r"^the factory's own$") as raised:
        create("nets:raises")
    assert not isinstance(raised.value, sr.RegistryError)


def test_a_factory_without_a_signature_is_simply_called():
    with pytest.raises(TypeError, match="max expected at least 1 argument"):
        sr.DatasetEntry("d", "builtins:max").load()


def test_missing_module(nets):
    assert refusal(ImportError, "nowhere.nets:net") == (
        "model 'my_net': cannot import 'nowhere.nets', wanted for 'nowhere.nets:net': "
        "No module named 'nowhere'; install what is missing, or correct the plugin"
    )


def test_missing_dependency_of_the_module(nets):
    message = refusal(sr.EntryImportError, "needs_missing:net")
    assert "No module named 'not_installed_anywhere'" in message


def test_other_errors_of_the_module_are_left_alone(nets):
    with pytest.raises(RuntimeError, match="at import"):
        create("explodes:net")


def test_missing_attribute(nets):
    message = refusal(sr.EntryImportError, "nets:need")
    assert "'nets:need' does not exist" in message
    assert "has no attribute 'need' (did you mean" in message
    assert "'needy'" in message
    assert "; correct the plugin" in refusal(sr.EntryImportError, "nets:zzzzzz")
    assert "has no attribute 'shallow'" in refusal(sr.EntryImportError, "nets:Module.shallow")


def test_target_that_is_not_callable(nets):
    assert "'nets:constant' is not callable: 3" in refusal(sr.EntryImportError, "nets:constant")


def test_dataset_entry_loads(site):
    site.write("data.py", "def load(size=10, seed=0): return size, seed")
    entry = sr.DatasetEntry("my_data", "data:load", options={"size": 3})
    assert entry.load() == (3, 0)
    assert entry.load(size=5, seed=1) == (5, 1)
    with pytest.raises(sr.OptionError) as raised:
        entry.load(sise=5)
    assert str(raised.value) == (
        "dataset 'my_data' (data:load): unknown option 'sise' (did you mean 'size'?); "
        "the options are size, seed"
    )


def test_a_dataset_entry_knows_the_options_of_its_loader(site):
    site.write("data.py", "def load(a, /, size, *others, color='', **rest): ...")
    entry = sr.DatasetEntry("my_data", "data:load")
    assert entry.has_option("size")
    assert entry.has_option("color")
    # These a loader is not known to use.
    assert not any(map(entry.has_option, ("a", "others", "rest", "else")))
    assert not sr.DatasetEntry("d", "builtins:max").has_option("size")
    with pytest.raises(sr.EntryImportError, match="cannot import 'no_data'"):
        sr.DatasetEntry("d", "no_data:load").has_option("size")


@pytest.mark.parametrize("kind", [sr.ModelEntry, sr.DatasetEntry])
@pytest.mark.parametrize(
    "target", ["", "module", "module:", ":attr", "a:b:c", "a.b", "a-b:c", "a..b:c", "a:b.", 3, None]
)
def test_malformed_target(kind, target):
    with pytest.raises(ValueError, match="must be a string 'module:attribute'") as raised:
        kind("name", target)
    assert str(raised.value).startswith(f"{kind.__name__} 'name': ")
    assert str(raised.value).endswith(f"not {target!r}")


@pytest.mark.parametrize("name", ["", "two words", " padded", None, 3])
def test_malformed_name(name):
    with pytest.raises(ValueError, match="a name must be a string without white space"):
        sr.ModelEntry(name, "a:b")


@pytest.mark.parametrize("options", [3, None, [("depth", 4)], {1: 2}])
def test_malformed_options(options):
    with pytest.raises(TypeError, match="options must map names to values"):
        sr.ModelEntry("name", "a:b", options=options)


def test_malformed_summary():
    with pytest.raises(TypeError, match="the summary must be a string, not None"):
        sr.ModelEntry("name", "a:b", summary=None)


def test_entries_are_values():
    given = {"depth": 4}
    entry = sr.ModelEntry("name", "a:b", options=given)
    given["depth"] = 5
    assert entry.options == {"depth": 4}
    assert entry == sr.ModelEntry("name", "a:b", "", {"depth": 4})
    assert hash(entry) == hash(sr.ModelEntry("name", "a:b", "", {"depth": 4}))
    assert pickle.loads(pickle.dumps(entry)) == copy.deepcopy(entry) == entry
    assert repr(entry) == "ModelEntry(name='name', factory='a:b', summary='', options={'depth': 4})"


@pytest.mark.parametrize("where", ["import", "call"])
def test_an_object_that_exits_is_an_error(site, where):
    """`sys.exit` would end a command with status 0 and no word."""
    call = "raise SystemExit(0)" if where == "call" else "pass"
    source = f"def load(): {call}\n" + ("raise SystemExit(0)" if where == "import" else "")
    site.write("exiting.py", source)
    entry = sr.DatasetEntry("quitter", "exiting:load")
    with pytest.raises(sr.PluginExitError, match=r"^dataset 'quitter'.*called sys.exit\(0\)"):
        entry.load()
