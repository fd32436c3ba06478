"""The errors of this package: all are a `RegistryError`, and their messages are one line."""

import difflib
from collections.abc import Iterable


class RegistryError(Exception):
    """A registered name cannot be looked up, or its object cannot be imported or called."""


class UnknownNameError(RegistryError, LookupError):
    """No plugin registers the name."""


class NameConflictError(RegistryError, LookupError):
    """The name is registered more than once; none of its entries is used."""


class EntryImportError(RegistryError, ImportError):
    """The object that an entry refers to cannot be imported, or is not callable."""


class OptionError(RegistryError, TypeError):
    """The object that an entry refers to does not accept the given arguments."""


class PluginExitError(RegistryError):
    """An object of a plugin called `sys.exit`, which would end the program without a word."""


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Returns " (did you mean ...?)" with the choices close to `word`, or an empty string."""
    close = difflib.get_close_matches(word, list(choices))
    return f" (did you mean {' or '.join(map(repr, close))}?)" if close else ""


def one_line(error: BaseException) -> str:
    """Returns an error's type and message without line breaks."""
    return " ".join(f"{type(error).__name__}: {error}".split())
