"""The entries that a plugin registers: a name, and a reference to the object behind it."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from spin_registry.errors import UnknownNameError
from spin_registry.frozen_mapping import FrozenMapping
from spin_registry.object_reference import (
    call_object,
    check_object_reference,
    has_option,
    load_object,
)


@dataclass(frozen=True)
class ModelEntry:
    """A registered model.

    Attributes:
      name: the name that the model is looked up by, without white space.
      factory: reference to the factory, "module:attribute". The module is only imported when the
        model is created. The factory is called as
        `factory(input, output, rngs=rngs, **options)`.
      summary: a description of the model in one line.
      options: keyword arguments for the factory, immutable.

    Raises:
      ValueError: if the name or the factory is malformed.
      TypeError: if `summary` is not a string, or `options` is not a mapping from names.
    """

    name: str
    factory: str
    summary: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check(self, self.factory, "factory")

    def create(self, *, input: Any, output: Any, rngs: Any, **options: Any) -> Any:
        """Imports the factory and calls it.

        Args:
          input: `FieldSpec` of the model's input.
          output: `ClassSpec` or `FieldSpec` of the model's output.
          rngs: the random streams for the initial parameters, a `flax.nnx.Rngs`.
          **options: keyword arguments for the factory; they override the entry's own.

        Returns:
          The factory's result, a `flax.nnx.Module`.

        Raises:
          EntryImportError: if the factory cannot be imported, or is not callable.
          OptionError: if the factory does not accept an option, or a required one is missing.
        """
        return call_object(
            f"model {self.name!r}",
            self.factory,
            {**self.options, **options},
            input,
            output,
            rngs=rngs,
        )


@dataclass(frozen=True)
class DatasetEntry:
    """A registered dataset.

    Attributes:
      name: the name that the dataset is looked up by, without white space.
      loader: reference to the loader, "module:attribute". The module is only imported when the
        dataset is loaded. The loader is called as `loader(**options)`.
      summary: a description of the dataset in one line.
      options: keyword arguments for the loader, immutable.
      argument: the name of an option that users may give after a colon. With "path",
        `get_dataset("name:/some/where")` returns this entry with the option path="/some/where".
        "" if the dataset takes nothing after a colon.

    Raises:
      ValueError: if the name, the loader or the argument is malformed.
      TypeError: if `summary` is not a string, or `options` is not a mapping from names.
    """

    name: str
    loader: str
    summary: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    argument: str = ""

    def __post_init__(self) -> None:
        _check(self, self.loader, "loader")
        if self.argument and not self.argument.isidentifier():
            raise ValueError(
                f"DatasetEntry {self.name!r}: argument must be the name of an option, such as "
                f"'path', not {self.argument!r}"
            )

    @property
    def usage(self) -> str:
        """The form in which users write the name: "name", or "name:PATH" with an argument."""
        return f"{self.name}:{self.argument.upper()}" if self.argument else self.name

    def with_argument(self, value: str) -> "DatasetEntry":
        """Returns the entry with the option `argument` set to `value`.

        Args:
          value: the text after the colon in "name:value".

        Raises:
          UnknownNameError: if this entry takes nothing after a colon, or the value is empty.
        """
        if not self.argument:
            raise UnknownNameError(
                f"dataset {self.name!r} takes nothing after a colon, but was given {value!r}; "
                f"ask for {self.name!r}"
            )
        if not value.strip():
            raise UnknownNameError(
                f"dataset {self.name!r} wants its {self.argument} after the colon, and nothing is "
                f"there; ask for {self.usage!r}"
            )
        return replace(self, options={**self.options, self.argument: value})

    def load(self, **options: Any) -> Any:
        """Imports the loader and calls it.

        Args:
          **options: keyword arguments for the loader; they override the entry's own.

        Returns:
          The loader's result: an object with `input` (a `FieldSpec`), `output` (a `ClassSpec` or
          `FieldSpec`) and `splits` (a mapping from split name to a random-access source of
          records).

        Raises:
          EntryImportError: if the loader cannot be imported, or is not callable.
          OptionError: if the loader does not accept an option, or a required one is missing.
        """
        return call_object(f"dataset {self.name!r}", self.loader, {**self.options, **options})

    def has_option(self, name: str) -> bool:
        """Returns whether the loader, which is imported, has an option of this name.

        Raises:
          EntryImportError: if the loader cannot be imported, or is not callable.
        """
        return has_option(f"dataset {self.name!r}", self.loader, name)


@dataclass(frozen=True)
class GridEntry:
    """A registered kind of grid, which files can describe.

    Attributes:
      name: the name of the kind, for the lookup and in descriptions, without white space.
      factory: reference to the grid's class, "module:attribute". The class must be a dataclass
        that its constructor's arguments determine. The arguments are numbers, strings, booleans,
        None or tuples of these, and none is named "kind".
      summary: a description of the grid in one line.

    Raises:
      ValueError: if the name or the factory is malformed.
      TypeError: if `summary` is not a string.
    """

    name: str
    factory: str
    summary: str = ""

    def __post_init__(self) -> None:
        _check(self, self.factory, "factory")

    def create(self, *sizes: Any, **arguments: Any) -> Any:
        """Imports the class and makes a grid.

        Args:
          *sizes: positional arguments for the class.
          **arguments: keyword arguments for the class.

        Raises:
          EntryImportError: if the class cannot be imported, or is not callable.
          OptionError: if its constructor does not accept the arguments.
        """
        return call_object(f"grid {self.name!r}", self.factory, arguments, *sizes)

    def describes(self, grid: Any) -> bool:
        """Returns whether a grid is of this kind, without importing the kind's module."""
        if self.factory.partition(":")[0] not in sys.modules:
            return False
        return load_object(f"grid {self.name!r}", self.factory) is type(grid)


def _check(entry: ModelEntry | DatasetEntry | GridEntry, target: str, role: str) -> None:
    """Checks the attributes of an entry, and makes its options immutable."""
    what = type(entry).__name__
    if not isinstance(entry.name, str) or entry.name.split() != [entry.name]:
        raise ValueError(f"{what}: a name must be a string without white space, not {entry.name!r}")
    check_object_reference(target, f"{what} {entry.name!r}: {role}")
    if not isinstance(entry.summary, str):
        raise TypeError(
            f"{what} {entry.name!r}: the summary must be a string, not {entry.summary!r}"
        )
    if isinstance(entry, GridEntry):
        return
    if not isinstance(entry.options, Mapping) or not all(isinstance(o, str) for o in entry.options):
        raise TypeError(
            f"{what} {entry.name!r}: options must map names to values, as {{'depth': 4}} does, "
            f"not {entry.options!r}"
        )
    object.__setattr__(entry, "options", FrozenMapping(entry.options))
