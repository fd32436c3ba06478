"""The errors of this package: each is a `RegistryError`, and its message is one line."""

import difflib
from collections.abc import Iterable


class RegistryError(Exception):
    """Something that a registered name was asked for cannot be had."""


class UnknownNameError(RegistryError, LookupError):
    """No plugin registers this name."""


class NameConflictError(RegistryError, LookupError):
    """This name is registered more than once, so that none of its entries is used."""


class EntryImportError(RegistryError, ImportError):
    """What an entry points to cannot be imported, or is not callable."""


class OptionError(RegistryError, TypeError):
    """What an entry points to does not accept what it was to be called with."""


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Returns " (did you mean ...?)" with the choices close to `word`, or nothing."""
    close = difflib.get_close_matches(word, list(choices))
    return f" (did you mean {' or '.join(map(repr, close))}?)" if close else ""


def one_line(error: BaseException) -> str:
    """Returns an error's type and message without line breaks."""
    return " ".join(f"{type(error).__name__}: {error}".split())
