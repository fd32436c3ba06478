"""The registered entries, with the plugin that each comes from."""

from collections import Counter
from dataclasses import dataclass
from typing import Generic, TypeVar

from spin_registry.entries import DatasetEntry, GridEntry, ModelEntry
from spin_registry.errors import NameConflictError, UnknownNameError, did_you_mean, one_line

Entry = TypeVar("Entry", ModelEntry, DatasetEntry, GridEntry)


@dataclass(frozen=True)
class Plugin:
    """A plugin: the origin of registered entries.

    Attributes:
      name: the name of the entry point.
      distribution: the distribution that declares the entry point, "unknown" if there is none.
      version: the distribution's version, "unknown" if there is none.
    """

    name: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"plugin {self.name!r} of {self.distribution} {self.version}"


@dataclass(frozen=True)
class BrokenPlugin(Plugin):
    """A plugin that could not be loaded; none of its entries is registered.

    Attributes:
      error: the exception. Raise it again to see its traceback.
    """

    error: BaseException

    @property
    def reason(self) -> str:
        """The error in one line."""
        return one_line(self.error)


@dataclass(frozen=True)
class Registration(Generic[Entry]):
    """An entry, and the plugin that registers it."""

    entry: Entry
    plugin: Plugin


@dataclass(frozen=True)
class Catalogue(Generic[Entry]):
    """All registered entries of one kind.

    Attributes:
      kind: "model", "dataset" or "grid".
      registrations: the registered entries, sorted by name. A name that is registered more than
        once appears more than once.
      broken: the plugins that failed to load. One of them may have registered a missing name.
    """

    kind: str
    registrations: tuple[Registration[Entry], ...]
    broken: tuple[BrokenPlugin, ...]

    def names(self) -> tuple[str, ...]:
        """Returns the registered names, sorted and without repetition, including conflicts."""
        return tuple(dict.fromkeys(r.entry.name for r in self.registrations))

    def conflicts(self) -> dict[str, tuple[Plugin, ...]]:
        """Returns the names that are registered more than once, with the plugins of each."""
        count = Counter(r.entry.name for r in self.registrations)
        return {
            name: tuple(r.plugin for r in self.registrations if r.entry.name == name)
            for name in self.names()
            if count[name] > 1
        }

    def origin(self, name: str) -> str:
        """Returns the name of an entry and its plugin, for messages: "model 'a' (plugin ...)"."""
        plain = name.partition(":")[0]
        found = [r.plugin for r in self.registrations if r.entry.name in (name, plain)]
        return f"{self.kind} {name!r}" + (f" ({found[0]})" if found else "")

    def get(self, name: str) -> Entry:
        """Looks up an entry by its name.

        Raises:
          UnknownNameError: if the name is not registered.
          NameConflictError: if the name is registered more than once.
        """
        found = [r for r in self.registrations if r.entry.name == name]
        if len(found) == 1:
            return found[0].entry
        if found:
            raise NameConflictError(
                f"{self.kind} {name!r} is registered more than once: by "
                f"{' and by '.join(str(r.plugin) for r in found)}; rename one, or uninstall "
                "a distribution"
            )
        names = self.names()
        known = f"registered are {', '.join(names)}" if names else f"no {self.kind} is registered"
        if self.broken:
            failed = ", ".join(f"{plugin} ({plugin.reason})" for plugin in self.broken)
            step = f"it may be in what failed to load: {failed}"
        else:
            step = f"install the distribution that registers it; spin-list shows every {self.kind}"
        raise UnknownNameError(
            f"unknown {self.kind} {name!r}{did_you_mean(str(name), names)}; {known}; {step}"
        )


@dataclass(frozen=True)
class Registry:
    """The models, the datasets, the grids, and the plugins that failed to load."""

    models: Catalogue[ModelEntry]
    datasets: Catalogue[DatasetEntry]
    grids: Catalogue[GridEntry]
    broken: tuple[BrokenPlugin, ...]
