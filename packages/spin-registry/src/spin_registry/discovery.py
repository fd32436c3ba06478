"""From entry points to a registry: every plugin is loaded by itself, under a guard."""

from collections.abc import Iterable
from importlib.metadata import EntryPoint
from typing import Any

import pluggy

from spin_registry import hooks
from spin_registry.catalogue import (
    BrokenPlugin,
    Catalogue,
    Entry,
    Plugin,
    Registration,
    Registry,
)
from spin_registry.entries import DatasetEntry, ModelEntry


def discover(entry_points: Iterable[EntryPoint]) -> Registry:
    """Loads plugins and collects what they register.

    A plugin counts whole or not at all: if its import, its registration or one of its hooks fails,
    it is noted as broken, and the others are as if it were not there.

    Args:
        entry_points: each names a module (or another object) that implements hooks.
    """
    models: list[Registration[ModelEntry]] = []
    datasets: list[Registration[DatasetEntry]] = []
    broken: list[BrokenPlugin] = []
    for entry_point in entry_points:
        plugin = _plugin(entry_point)
        try:
            hook = _register(entry_point)
            new_models = _entries(hook.register_models, ModelEntry)
            new_datasets = _entries(hook.register_datasets, DatasetEntry)
        except (Exception, SystemExit) as error:
            broken.append(BrokenPlugin(plugin.name, plugin.distribution, plugin.version, error))
        else:
            models += [Registration(entry, plugin) for entry in new_models]
            datasets += [Registration(entry, plugin) for entry in new_datasets]
    return Registry(
        Catalogue("model", tuple(sorted(models, key=_order)), tuple(broken)),
        Catalogue("dataset", tuple(sorted(datasets, key=_order)), tuple(broken)),
        tuple(broken),
    )


def _plugin(entry_point: EntryPoint) -> Plugin:
    try:
        # Metadata left behind by an interrupted uninstallation lacks its name.
        distribution = entry_point.dist
        return Plugin(entry_point.name, distribution.name, distribution.version)  # type: ignore[union-attr]
    except Exception:
        return Plugin(entry_point.name, "unknown", "unknown")


def _register(entry_point: EntryPoint) -> pluggy.HookRelay:
    """Loads a plugin and gives it to a plugin manager of its own.

    In a manager that all of them share, a registration that fails halfway would stay behind, and
    a hook that raises (or a hook wrapper) would reach the other plugins' results.
    """
    manager = pluggy.PluginManager(hooks.PROJECT)
    manager.add_hookspecs(hooks)
    manager.register(entry_point.load(), entry_point.name)
    manager.check_pending()
    if not (
        manager.hook.register_models.get_hookimpls()
        or manager.hook.register_datasets.get_hookimpls()
    ):
        raise TypeError(
            f"{entry_point.value!r} implements neither register_models nor register_datasets; "
            "mark one with @spin_registry.hookimpl"
        )
    return manager.hook


def _entries(hook: pluggy.HookCaller, entry_type: type[Entry]) -> list[Entry]:
    """Calls a hook, and checks what its implementation returns."""
    results: list[Any] = hook()
    if hook.get_hookimpls() and not results:
        results = [None]  # Pluggy leaves it out: the implementation lacks a return statement.
    entries: list[Entry] = []
    for result in results:
        wrong = [result]
        if isinstance(result, list | tuple):
            wrong = [entry for entry in result if not isinstance(entry, entry_type)]
        if wrong:
            raise TypeError(
                f"{hook.name} must return a list of {entry_type.__name__}, not {wrong[0]!r}"
            )
        entries.extend(result)
    return entries


def _order(registration: Registration[Any]) -> tuple[str, str, str]:
    plugin = registration.plugin
    return registration.entry.name, plugin.distribution, plugin.name
