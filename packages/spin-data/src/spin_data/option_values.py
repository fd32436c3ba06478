"""Options of loaders and models: words of a command line to values, and checks of booleans.

All commands parse words by this module, so that a word means the same in each.
"""

import ast
import json
from typing import Any

__all__ = ["check_booleans", "parse_boolean", "parse_option"]

_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_NUMBERS = {"1": True, "0": False}


def parse_boolean(word: str) -> bool:
    """Parses a word that must be a boolean: true, yes, on, 1, false, no, off or 0, in any case.

    Raises:
      ValueError: the word is none of these.
    """
    try:
        return (_WORDS | _NUMBERS)[word.lower()]
    except KeyError as error:
        raise ValueError(f"expects True or False, got {word!r}") from error


def parse_option(word: str) -> Any:
    """Parses an option whose type is not known.

    Args:
      word: true, yes, on, false, no or off, in any case, or several of these between commas; or a
        Python literal, such as 3, 0.5, (0,1) or 'no' with its quotes; or any other text.

    Returns:
      The boolean, a tuple of booleans, the literal's value, or the text.

    Raises:
      ValueError: the literal is of a kind that cannot be recorded, such as a set.
    """
    if word.lower() in _WORDS:
        return _WORDS[word.lower()]
    parts = [part.strip().lower() for part in word.split(",")]
    if all(part in _WORDS for part in parts):
        return tuple(_WORDS[part] for part in parts)
    try:
        value = ast.literal_eval(word)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return word
    try:
        json.dumps(value)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"an option cannot be {word}: give a number, a word, True or False, or a list or tuple "
            "of these, for example (0,1)"
        ) from error
    return value


def check_booleans(**options: object) -> None:
    """Checks that options are booleans. Any other value would count as true or false silently.

    Args:
      **options: the values by the options' names.

    Raises:
      ValueError: a value is not True or False.
    """
    for name, value in options.items():
        if not isinstance(value, bool):
            raise ValueError(f"{name} is {value!r}, expected True or False")
