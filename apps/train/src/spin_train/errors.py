"""Errors caused by user input. The commands print them as one line, without a traceback."""

import contextlib
import difflib
import traceback
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import spin_registry

_Batch = TypeVar("_Batch")


class UserError(ValueError):
    """A request that cannot be carried out; the message says why, in one line."""


class ConfigurationError(UserError):
    """A configuration or an argument of the command line is not valid."""


class DatasetError(UserError):
    """A dataset is unknown, cannot be built, or does not suit the run."""


class ModelError(UserError):
    """A model is unknown, or cannot be built with these options for this dataset."""


class WorkdirError(UserError):
    """The working directory cannot be used: it holds another run, or none where one is needed."""


class DivergedError(UserError):
    """The loss or a parameter is no longer finite."""


@contextlib.contextmanager
def as_user_error(kind: type[UserError], subject: str, *causes: type[Exception]) -> Iterator[None]:
    """Converts the exceptions caused by bad names, options and missing files to a user error.

    Args:
      kind: the type of the error to raise instead.
      subject: what was attempted; the message starts with it.
      *causes: the exception types that user input can cause. Other exceptions are defects and pass
        unchanged, because a defect needs its traceback.

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


@contextlib.contextmanager
def blamed(origin: str) -> Iterator[None]:
    """Adds to an exception whose code raised it, as a note of the exception.

    Args:
      origin: the model or dataset and its plugin, as `spin_registry.model_origin` returns it.

    Raises:
      UserError: if the code calls `sys.exit`, which would end a command without a word.
    """
    try:
        yield
    except UserError:
        raise
    except SystemExit as error:
        raise UserError(
            f"{origin} called sys.exit({error.code!r}){_place(error)}; a plugin must raise an "
            "exception instead"
        ) from error
    except Exception as error:
        if blamed_origin(error) is None:
            error.add_note(f"{_BLAME}{origin}")
        raise


def blamed_origin(error: BaseException) -> str | None:
    """Returns the origin that `blamed` added to an exception, or None."""
    notes = [note for note in getattr(error, "__notes__", ()) if note.startswith(_BLAME)]
    return notes[0].removeprefix(_BLAME) if notes else None


_BLAME = "raised by the code of "


def _place(error: BaseException) -> str:
    """Returns the file and line that raised an exception, for a message."""
    frames = traceback.extract_tb(error.__traceback__)
    return f" in {frames[-1].filename}, line {frames[-1].lineno}" if frames else ""


def plugin_errors(options: Mapping[str, Any]) -> tuple[type[Exception], ...]:
    """Returns the exception types that a plugin raises for bad names, files and options.

    An unknown option causes a `TypeError`, so it is included only if there are options. Every other
    exception is a defect of the plugin.
    """
    causes = (spin_registry.RegistryError, ValueError, OSError)
    return (*causes, TypeError) if options else causes


def dataset_errors(name: str, batches: Iterable[_Batch]) -> Generator[_Batch, None, None]:
    """Iterates over a dataset's batches, and converts errors in records to a `DatasetError`."""
    origin = spin_registry.dataset_origin(name)
    with as_user_error(DatasetError, f"dataset {name!r}", ValueError, OSError), blamed(origin):
        yield from batches


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Returns "; did you mean 'x'?" if an allowed name is close to `name`, otherwise ""."""
    matches = difflib.get_close_matches(name, list(allowed), n=1)
    return f"; did you mean {matches[0]!r}?" if matches else ""
