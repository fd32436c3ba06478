"""Grids and models described in JSON, and made again from the description."""

import importlib
import json

import pytest

import spin_registry as sr

GRIDS = """
import dataclasses

@dataclasses.dataclass(frozen=True)
class Rings:
    count: int
    offset: float = 0.0

    def __post_init__(self):
        if self.count < 1:
            raise ValueError(f"count is {self.count}, expected at least 1")

@dataclasses.dataclass(frozen=True)
class Shaped:
    sizes: tuple
    area: float = dataclasses.field(init=False, default=1.0)

@dataclasses.dataclass(frozen=True)
class Reserved:
    kind: str

@dataclasses.dataclass(frozen=True)
class Positional:
    count: int

    def __init__(self, size):
        object.__setattr__(self, "count", size)

class Plain:
    "Not a dataclass."
"""
PLUGIN = """
@sr.hookimpl
def register_grids():
    return [
        sr.GridEntry("rings", "my_grids:Rings", "equal rings"),
        sr.GridEntry("plain", "my_grids:Plain"),
        sr.GridEntry("shaped", "my_grids:Shaped"),
        sr.GridEntry("reserved", "my_grids:Reserved"),
        sr.GridEntry("positional", "my_grids:Positional"),
        sr.GridEntry("never_made", "never_imported:Grid"),
    ]

@sr.hookimpl
def register_models():
    return [sr.ModelEntry("my_net", "my_nets:net", options={"depth": 4})]
"""


@pytest.fixture
def grids(site):
    """A module of grids, registered together with a model."""
    site.write("my_grids.py", GRIDS)
    site.write("never_imported.py", "raise AssertionError('imported')")
    site.write("my_nets.py", "def net(*specs, rngs, **options): return (*specs, rngs, options)")
    site.plugin("mine", PLUGIN)
    return importlib.import_module("my_grids")


def through_json(description):
    return json.loads(json.dumps(description))


def test_names_and_entries_of_grids(grids):
    assert sr.grid_names() == ("never_made", "plain", "positional", "reserved", "rings", "shaped")
    assert sr.get_grid("rings") == sr.GridEntry("rings", "my_grids:Rings", "equal rings")


def test_an_unknown_grid_is_refused(grids):
    with pytest.raises(sr.UnknownNameError) as raised:
        sr.get_grid("ring")
    assert str(raised.value) == (
        "unknown grid 'ring' (did you mean 'rings'?); registered are never_made, plain, "
        "positional, reserved, rings, shaped; "
        "install the distribution that registers it; spin-list shows every grid"
    )


def test_a_grid_entry_creates_grids(grids):
    entry = sr.get_grid("rings")
    assert entry.create(8) == entry.create(count=8) == grids.Rings(8)
    assert entry.create(8, offset=0.5) == grids.Rings(8, 0.5)
    with pytest.raises(sr.OptionError, match=r"^grid 'rings' \(my_grids:Rings\): unknown option"):
        entry.create(8, ofset=0.5)
    with pytest.raises(ValueError, match="count is 0"):
        entry.create(0)
    with pytest.raises(sr.EntryImportError, match=r"^grid 'lost': cannot import 'nowhere'"):
        sr.GridEntry("lost", "nowhere:Grid").create(8)


def test_a_grid_entry_recognizes_its_grids(grids):
    entry = sr.get_grid("rings")
    assert entry.describes(grids.Rings(8))
    assert not entry.describes(grids.Plain())


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("two words", "a:b"), ValueError, "GridEntry: a name must be a string without white"),
        (("name", "a.b"), ValueError, "GridEntry 'name': factory must be a string 'module:attr"),
        (("name", "a:b", None), TypeError, "GridEntry 'name': the summary must be a string"),
    ],
)
def test_a_malformed_grid_entry_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        sr.GridEntry(*arguments)


def test_a_description_restores_the_grid(grids):
    grid = grids.Rings(8, offset=0.5)
    description = sr.describe_grid(grid)
    assert description == {"kind": "rings", "count": 8, "offset": 0.5}
    assert sr.grid_from_description(through_json(description)) == grid


def test_a_description_restores_tuples_and_leaves_out_what_the_constructor_does_not_take(grids):
    grid = grids.Shaped((16, (32, 48)))
    description = sr.describe_grid(grid)
    assert description == {"kind": "shaped", "sizes": [16, [32, 48]]}
    assert sr.grid_from_description(through_json(description)) == grid


@pytest.mark.parametrize(
    ("kind", "argument", "message"),
    [
        ("Reserved", "a", "'kind' of a field is reserved"),
        ("Positional", 8, "unknown option 'count'"),
        ("Shaped", [1, 2], "makes another grid"),
        ("Shaped", 1j, "complex is not JSON serializable"),
    ],
)
def test_a_grid_that_its_description_cannot_restore_is_refused(grids, kind, argument, message):
    grid = getattr(grids, kind)(argument)
    with pytest.raises(ValueError, match=f"cannot be described in a file: .*{message}"):
        sr.describe_grid(grid)


@pytest.mark.parametrize("kind", ["Plain", "Foreign"])
def test_a_grid_that_cannot_be_described_is_refused(grids, kind):
    grid = grids.Plain() if kind == "Plain" else type("Foreign", (), {})()
    with pytest.raises(ValueError, match=f"a {kind} cannot be described") as raised:
        sr.describe_grid(grid)
    assert str(raised.value).endswith("registers by register_grids: " + ", ".join(sr.grid_names()))


def test_a_subclass_of_a_registered_grid_is_not_described_as_its_base(grids):
    with pytest.raises(ValueError, match="a Other cannot be described"):
        sr.describe_grid(type("Other", (grids.Rings,), {})(8))


def test_without_any_registered_grid_none_can_be_described(site):
    with pytest.raises(ValueError, match="by register_grids: none is registered"):
        sr.describe_grid(object())


@pytest.mark.parametrize(
    ("description", "error", "message"),
    [
        ({}, ValueError, "{} describes no grid: it lacks 'kind'"),
        ({"count": 8}, ValueError, "lacks 'kind'"),
        ({"kind": 3}, ValueError, "lacks 'kind'"),
        ({"kind": "cubes", "count": 8}, sr.UnknownNameError, "unknown grid 'cubes'"),
        ({"kind": "rings"}, sr.OptionError, "missing a required argument: 'count'"),
        ({"kind": "rings", "count": 8, "size": 1}, sr.OptionError, "unknown option 'size'"),
        ({"kind": "rings", "count": -1}, ValueError, "count is -1, expected at least 1"),
    ],
)
def test_a_description_that_fits_no_grid_is_refused(grids, description, error, message):
    before = dict(description)
    with pytest.raises(error, match=message):
        sr.grid_from_description(description)
    assert description == before


def described(grids, output=None):
    return sr.ModelDescription(
        "my_net",
        {"depth": 2, "wide": True},
        sr.FieldSpec(grids.Rings(8), {0: 1, -1: 2}),
        output or sr.ClassSpec(3),
        ("cat", "dog", "bird"),
    )


def test_a_model_s_description_restores_it(grids):
    description = described(grids)
    written = description.to_json()
    assert written == {
        "model_name": "my_net",
        "model_options": {"depth": 2, "wide": True},
        "input": {
            "grid": {"kind": "rings", "count": 8, "offset": 0.0},
            "channels": {"-1": 2, "0": 1},
        },
        "output": {"num_classes": 3},
        "class_names": ["cat", "dog", "bird"],
        "images": {},
    }
    assert sr.ModelDescription.from_json(through_json(written)) == description


def test_a_description_with_a_field_as_output_is_restored(grids):
    description = described(grids, sr.FieldSpec(grids.Rings(4, 0.5), {2: 3}))
    restored = sr.ModelDescription.from_json(through_json(description.to_json()))
    assert restored == description
    assert restored.output.grid == grids.Rings(4, 0.5)


def test_other_keys_are_ignored_and_class_names_may_be_missing(grids):
    written = described(grids).to_json() | {"step": 100}
    del written["class_names"]
    assert sr.ModelDescription.from_json(written).class_names == ()


def test_a_described_model_is_created_with_its_options(grids):
    spec = sr.FieldSpec(grids.Rings(8), {0: 1, -1: 2})
    created = described(grids).create("rngs")
    assert created == (spec, sr.ClassSpec(3), "rngs", {"depth": 2, "wide": True})
    unknown = sr.ModelDescription("no_net", {}, spec, sr.ClassSpec(3))
    with pytest.raises(sr.UnknownNameError, match="unknown model 'no_net'"):
        unknown.create("rngs")


def test_a_description_is_a_value(grids):
    options, names = {"depth": 2}, ["cat", "dog"]
    spec = sr.FieldSpec(grids.Rings(8))
    description = sr.ModelDescription("my_net", options, spec, sr.ClassSpec(2), names)
    options["depth"], names[0] = 3, "cow"
    assert description.model_options == {"depth": 2}
    assert description.class_names == ("cat", "dog")
    same = sr.ModelDescription("my_net", {"depth": 2}, spec, sr.ClassSpec(2), ("cat", "dog"))
    assert description == same
    assert hash(description) == hash(same)


def test_a_model_on_a_grid_that_is_not_registered_cannot_be_written(grids):
    spec = sr.FieldSpec(object())
    with pytest.raises(ValueError, match="a object cannot be described"):
        sr.ModelDescription("my_net", {}, spec, sr.ClassSpec(2)).to_json()


@pytest.mark.parametrize("missing", ["model_name", "model_options", "input", "output"])
def test_a_description_that_lacks_a_key_is_refused(grids, missing):
    written = described(grids).to_json()
    del written[missing]
    with pytest.raises(ValueError, match=f"^not a description of a model: it lacks {missing}$"):
        sr.ModelDescription.from_json(written)


def test_every_missing_key_is_named():
    with pytest.raises(ValueError, match=r"it lacks model_name, model_options, input, output$"):
        sr.ModelDescription.from_json({"step": 100})


GRID = {"kind": "rings", "count": 8}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"input": {"channels": {"0": 1}}}, "input must have a grid and channels"),
        ({"input": {"grid": GRID}}, "input must have a grid and channels"),
        ({"input": {"grid": GRID, "channels": {"a": 1}}}, "input: channels is {'a': 1}, but must"),
        ({"input": {"grid": GRID, "channels": [1]}}, r"input: channels is \[1\], but must map"),
        ({"input": {"grid": GRID, "channels": {"0": "1"}}}, "must be a positive integer, not '1'"),
        ({"input": {"grid": "rings", "channels": {"0": 1}}}, "'rings' describes no grid"),
        ({"input": 3}, "not a description of a model: input must have a grid and channels, not 3"),
        ({"output": 3}, "not a description of a model: output must have a grid and channels"),
        ({"output": {"num_classes": 1}}, "num_classes must be an integer of at least 2, not 1"),
        ({"output": {"num_classes": "3"}}, "num_classes must be an integer of at least 2, not '3'"),
        ({"model_name": 5}, "model_name must be a string, not 5"),
        ({"model_options": [1]}, r"model_options must map names to values, not \[1\]"),
        ({"class_names": "abc"}, "class_names must be a list of strings, not 'abc'"),
        ({"class_names": ["a", 1, "c"]}, "class_names must be a list of strings"),
        ({"class_names": ["a"]}, "class_names has 1 names for 3 classes"),
        ({"images": "image"}, "images must map names to values, not 'image'"),
    ],
)
def test_a_damaged_description_is_refused(grids, changed, message):
    with pytest.raises(ValueError, match=message):
        sr.ModelDescription.from_json(described(grids).to_json() | changed)


def test_the_sizes_of_a_model_are_listed(grids):
    options = {"widths": [4, [6]], "wide": True, "slope": 0.5, "more": {"depth": 7}}
    spec = sr.FieldSpec(grids.Rings(8), {0: 1, 1: 2})
    description = sr.ModelDescription("my_net", options, spec, sr.ClassSpec(3))
    assert sorted(description.sizes()) == [1, 2, 3, 4, 6, 7]
    dense = sr.ModelDescription("my_net", {}, spec, sr.FieldSpec(grids.Rings(8), {2: 9}))
    assert sorted(dense.sizes()) == [1, 2, 9]


def test_options_that_the_factory_cannot_use_are_one_error(grids, site):
    site.write("failing.py", "def net(input, output, *, rngs, depth): return [0] * (depth + 1)")
    site.plugin(
        "fails",
        "@sr.hookimpl\ndef register_models(): return [sr.ModelEntry('failing_net', 'failing:net')]",
    )
    sr.refresh()
    description = sr.ModelDescription(
        "failing_net", {"depth": "2"}, sr.FieldSpec(grids.Rings(8)), sr.ClassSpec(3)
    )
    said = r"^model 'failing_net' cannot be created with the options \{'depth': '2'\}: TypeError: "
    with pytest.raises(sr.OptionError, match=said):
        description.create("rngs")


@pytest.mark.parametrize(
    ("grid", "error"),
    [
        ({"kind": "cubes"}, sr.UnknownNameError),
        ({"kind": "rings", "count": 8, "size": 1}, sr.OptionError),
    ],
)
def test_an_error_of_the_registry_is_passed_on(grids, grid, error):
    written = described(grids).to_json()
    written["input"]["grid"] = grid
    with pytest.raises(error):
        sr.ModelDescription.from_json(written)


LIGHT = """
import json, sys
import spin_registry as sr
description = sr.ModelDescription.from_json(json.loads(sys.argv[1]))
assert "never_imported" not in sys.modules
assert description.input.grid.count == 8
assert sr.describe_grid(description.input.grid) == json.loads(sys.argv[1])["input"]["grid"]
assert not {"jax", "numpy", "my_nets"} & set(sys.modules), "imported something heavy"
print(json.dumps(description.to_json()))
"""


def test_descriptions_import_the_grid_s_module_only(site, grids):
    written = described(grids).to_json()
    assert json.loads(site.run("-c", LIGHT, json.dumps(written))) == written
