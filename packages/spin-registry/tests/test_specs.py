import copy
import dataclasses
import pickle

import pytest

import spin_registry as sr


@dataclasses.dataclass(frozen=True)
class Grid:
    resolution: int


class Index:
    """An integer that is not an `int`, such as NumPy's."""

    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value


def test_field_spec_sorts_its_spins():
    spec = sr.FieldSpec(Grid(8), channels={1: 2, -1: 3, 0: 4})
    assert spec.spins == (-1, 0, 1)
    assert list(spec.channels.items()) == [(-1, 3), (0, 4), (1, 2)]


def test_field_spec_is_a_scalar_field_by_default():
    assert sr.FieldSpec(Grid(8)).channels == {0: 1}


def test_field_spec_compares_and_hashes_by_value():
    one = sr.FieldSpec(Grid(8), {0: 1, 1: 2})
    same = sr.FieldSpec(Grid(8), {1: 2, 0: 1})
    assert one == same
    assert hash(one) == hash(same)
    assert one != sr.FieldSpec(Grid(16), {0: 1, 1: 2})
    assert one != sr.FieldSpec(Grid(8), {0: 1, 1: 3})


def test_field_spec_serves_a_grid_that_cannot_be_hashed():
    spec = sr.FieldSpec([8], {0: 1})
    assert spec == sr.FieldSpec([8], {0: 1})
    with pytest.raises(TypeError, match="unhashable"):
        hash(spec)


def test_field_spec_is_immutable():
    given = {0: 1}
    spec = sr.FieldSpec(Grid(8), given)
    given[0] = 5
    assert spec.channels == {0: 1}
    with pytest.raises(TypeError, match="item assignment"):
        spec.channels[0] = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.channels = {0: 2}


@pytest.mark.parametrize("spec", [sr.FieldSpec(Grid(8), {0: 1, 1: 2}), sr.ClassSpec(10)])
def test_specs_are_copied_pickled_and_replaced(spec):
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert copy.deepcopy(spec) == spec
    assert dataclasses.replace(spec) == spec


def test_integers_of_other_types_are_made_int():
    spec = sr.FieldSpec(Grid(8), {Index(1): Index(2)})
    assert repr(spec.channels) == "{1: 2}"
    assert type(sr.ClassSpec(Index(3)).num_classes) is int


@pytest.mark.parametrize(
    ("channels", "error", "message"),
    [
        (3, TypeError, "channels must map each spin to its number of channels, .* not 3"),
        ({}, ValueError, "channels is empty; name at least one spin"),
        ({"spin_0": 1}, ValueError, "a spin must be an integer, .*'spin_0'"),
        ({0.5: 1}, ValueError, "a spin must be an integer, .*0.5"),
        ({0: 0}, ValueError, "channels of spin 0 must be a positive integer, not 0"),
        ({0: 1, 1: -2}, ValueError, "channels of spin 1 must be a positive integer, not -2"),
        ({0: 1.0}, ValueError, "channels of spin 0 must be a positive integer, not 1.0"),
        ({0: True}, ValueError, "channels of spin 0 must be a positive integer, not True"),
    ],
)
def test_field_spec_refuses(channels, error, message):
    with pytest.raises(error, match=message) as raised:
        sr.FieldSpec(Grid(8), channels)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("num_classes", [1, 0, -3, 2.0, "10", True, None])
def test_class_spec_refuses(num_classes):
    with pytest.raises(ValueError, match=f"an integer of at least 2, not {num_classes!r}"):
        sr.ClassSpec(num_classes)
