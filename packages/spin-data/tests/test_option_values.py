"""Words of a command line as values, and options that must be booleans."""

import pytest

import spin_registry as sr
from spin_data import parse_boolean, parse_option


@pytest.mark.parametrize("word", ["true", "True", "YES", "on"])
def test_words_for_true(word):
    assert parse_option(word) is True
    assert parse_boolean(word) is True


@pytest.mark.parametrize("word", ["false", "FALSE", "No", "off"])
def test_words_for_false(word):
    assert parse_option(word) is False
    assert parse_boolean(word) is False


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("3", 3),
        ("1", 1),
        ("0.5", 0.5),
        ("(0,1)", (0, 1)),
        ("'no'", "no"),
        ("large", "large"),
        ("yes, no,True", (True, False, True)),
        ("yes,maybe", "yes,maybe"),
    ],
)
def test_other_options_are_literals_or_text(word, value):
    found = parse_option(word)
    assert found == value
    assert type(found) is type(value)


def test_what_is_refused():
    assert (parse_boolean("1"), parse_boolean("0")) == (True, False)
    for word in ("maybe", "2", "", "'no'"):
        with pytest.raises(ValueError, match="expects True or False, got"):
            parse_boolean(word)
    with pytest.raises(ValueError, match=r"an option cannot be \{1\}: give a number"):
        parse_option("{1}")


@pytest.mark.parametrize("value", ["no", 1, 0, None, "False"])
@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("images:.", "grayscale"),
        ("images:.", "rotated"),
        ("panoramas:.", "grayscale"),
        ("digits/canonical", "rotated"),
    ],
)
def test_loaders_refuse_what_is_no_boolean(name, option, value):
    with pytest.raises(ValueError, match=f"{option} is {value!r}, expected True or False"):
        sr.get_dataset(name).load(**{option: value})


@pytest.mark.parametrize(
    ("option", "value"), [("rotations_per_digit", "abc"), ("seed", True), ("seed", "1")]
)
def test_digits_refuse_what_is_no_number(option, value):
    with pytest.raises(ValueError, match=f"{option} is {value!r}, expected an integer"):
        sr.get_dataset("digits/rotated").load(**{option: value})
