"""What a plugin registers: a name, and where the thing that it names can be imported from."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from spin_registry.errors import UnknownNameError
from spin_registry.frozen import FrozenMapping
from spin_registry.targets import call_target, check_target


@dataclass(frozen=True)
class ModelEntry:
    """A model under its name.

    Attributes:
        name: what the model is looked up by; no white space.
        factory: where the factory is, as "module:attribute". It is imported when the model is
            created, not before, and called as `factory(input, output, rngs=rngs, **options)`.
        summary: what the model is, in one line.
        options: keyword arguments of the factory that differ from its defaults, immutable.

    Raises:
        ValueError: if the name or the factory is malformed.
        TypeError: if `summary` is not a string, or `options` not a mapping from names.
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
            input: `FieldSpec` of the field that the model will be given.
            output: `ClassSpec` or `FieldSpec` of what the model shall return.
            rngs: the source of randomness for the initial parameters, a `flax.nnx.Rngs`.
            **options: the factory's keyword arguments; they go before the entry's own.

        Returns:
            What the factory returns: a `flax.nnx.Module`.

        Raises:
            EntryImportError: if the factory cannot be imported, or is not callable.
            OptionError: if the factory does not accept an option, or lacks one.
        """
        return call_target(
            f"model {self.name!r}",
            self.factory,
            {**self.options, **options},
            input,
            output,
            rngs=rngs,
        )


@dataclass(frozen=True)
class DatasetEntry:
    """A dataset under its name.

    Attributes:
        name: what the dataset is looked up by; no white space.
        loader: where the loader is, as "module:attribute". It is imported when the dataset is
            loaded, not before, and called as `loader(**options)`.
        summary: what the dataset is, in one line.
        options: keyword arguments of the loader that differ from its defaults, immutable.
        argument: the option that a name may carry after a colon: with "path",
            `get_dataset("name:/some/where")` is this entry with the option path="/some/where". ""
            where a name carries none.

    Raises:
        ValueError: if the name, the loader or the argument is malformed.
        TypeError: if `summary` is not a string, or `options` not a mapping from names.
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
        """The name as it is asked for: "name", or "name:PATH" where it carries an argument."""
        return f"{self.name}:{self.argument.upper()}" if self.argument else self.name

    def with_argument(self, value: str) -> "DatasetEntry":
        """The entry whose name carried `value` after a colon.

        Raises:
            UnknownNameError: if this entry takes none, or the value is empty.
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
            **options: the loader's keyword arguments; they go before the entry's own.

        Returns:
            What the loader returns: an object with `input` (a `FieldSpec`), `output` (a `ClassSpec`
            or `FieldSpec`) and `splits` (a random-access source of records for each name).

        Raises:
            EntryImportError: if the loader cannot be imported, or is not callable.
            OptionError: if the loader does not accept an option, or lacks one.
        """
        return call_target(f"dataset {self.name!r}", self.loader, {**self.options, **options})


def _check(entry: ModelEntry | DatasetEntry, target: str, role: str) -> None:
    """Raises for what is malformed in an entry, and makes its options immutable."""
    what = type(entry).__name__
    if not isinstance(entry.name, str) or entry.name.split() != [entry.name]:
        raise ValueError(f"{what}: a name must be a string without white space, not {entry.name!r}")
    check_target(target, f"{what} {entry.name!r}: {role}")
    if not isinstance(entry.summary, str):
        raise TypeError(
            f"{what} {entry.name!r}: the summary must be a string, not {entry.summary!r}"
        )
    if not isinstance(entry.options, Mapping) or not all(isinstance(o, str) for o in entry.options):
        raise TypeError(
            f"{what} {entry.name!r}: options must map names to values, as {{'depth': 4}} does, "
            f"not {entry.options!r}"
        )
    object.__setattr__(entry, "options", FrozenMapping(entry.options))
