"""Errors that a user's input causes: the command line shows one line and no traceback."""

import contextlib
import difflib
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import spin_registry

_Batch = TypeVar("_Batch")


class UserError(ValueError):
    """A request that cannot be carried out; the message says why, in one line."""


class ConfigurationError(UserError):
    """A configuration, or a word on the command line, is not a valid one."""


class DatasetError(UserError):
    """A dataset is unknown, cannot be built, or does not suit the run."""


class ModelError(UserError):
    """A model is unknown, or cannot be built with these options for this dataset."""


class WorkdirError(UserError):
    """The working directory holds another run, or none where one is needed."""


class DivergedError(UserError):
    """The loss is no longer finite."""


@contextlib.contextmanager
def as_user_error(kind: type[UserError], subject: str, *causes: type[Exception]) -> Iterator[None]:
    """Turns the errors that bad names, options and missing files raise into one of `kind`.

    Args:
      kind: the error to raise instead.
      subject: what was being attempted; it opens the message.
      *causes: the exception types that the user's input causes. Others pass unchanged: they are
        defects, and a defect needs its traceback.

    Raises:
      UserError: of type `kind`, with the cause's message on one line.
    """
    try:
        yield
    except UserError:
        raise
    except causes as error:
        # str(KeyError) is the repr of its message: args[0] is the message itself.
        text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
        raise kind(f"{subject}: {' '.join(text.split()) or type(error).__name__}") from error


def plugin_errors(options: Mapping[str, Any]) -> tuple[type[Exception], ...]:
    """Returns what a plugin's code raises for bad names, files and options.

    All else is a defect. A `TypeError` may be an option's: it is the user's if there are any.
    """
    causes = (spin_registry.RegistryError, ValueError, OSError)
    return (*causes, TypeError) if options else causes


def dataset_errors(subject: str, batches: Iterable[_Batch]) -> Generator[_Batch, None, None]:
    """Iterates over batches; an error of a record becomes a `DatasetError`."""
    with as_user_error(DatasetError, subject, ValueError, OSError):
        yield from batches


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Returns "; did you mean 'x'?" where an allowed name is close to `name`, else nothing."""
    matches = difflib.get_close_matches(name, list(allowed), n=1)
    return f"; did you mean {matches[0]!r}?" if matches else ""
