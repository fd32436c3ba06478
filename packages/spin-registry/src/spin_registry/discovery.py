"""Loads every plugin on its own, so that a broken plugin does not affect the others."""

from collections.abc import Iterable
from importlib.metadata import EntryPoint
from typing import Any

import pluggy

from spin_registry import hooks
from spin_registry.catalogue import (
    BrokenPlugin,
    Catalogue,
    Plugin,
    Registration,
    Registry,
)


def discover(entry_points: Iterable[EntryPoint]) -> Registry:
    """Loads plugins and collects the entries that they register.

    If a plugin's import, its registration or one of its hooks fails, the plugin is recorded as
    broken. None of its entries is registered then, and the other plugins are not affected.

    Args:
      entry_points: entry points, each of which names a module (or another object) that implements
        hooks.
    """
    found: dict[str, list[Registration[Any]]] = {kind: [] for kind in hooks.KINDS}
    broken: list[BrokenPlugin] = []
    for entry_point in entry_points:
        plugin = _plugin(entry_point)
        try:
            relay = _register(entry_point)
            new = {kind: _entries(_hook(relay, kind), entry) for kind, entry in hooks.KINDS.items()}
        except (Exception, SystemExit) as error:
            broken.append(BrokenPlugin(plugin.name, plugin.distribution, plugin.version, error))
            continue
        for kind, entries in new.items():
            found[kind] += [Registration(entry, plugin) for entry in entries]
    catalogues: dict[str, Catalogue[Any]] = {
        kind: Catalogue(kind, tuple(sorted(registrations, key=_order)), tuple(broken))
        for kind, registrations in found.items()
    }
    return Registry(catalogues["model"], catalogues["dataset"], catalogues["grid"], tuple(broken))


def _plugin(entry_point: EntryPoint) -> Plugin:
    try:
        # Metadata that an interrupted uninstallation left behind has no name.
        distribution = entry_point.dist
        return Plugin(entry_point.name, distribution.name, distribution.version)  # type: ignore[union-attr]
    except Exception:
        return Plugin(entry_point.name, "unknown", "unknown")


def _register(entry_point: EntryPoint) -> pluggy.HookRelay:
    """Loads a plugin and registers it in a plugin manager of its own.

    In a shared manager, a plugin whose registration fails halfway would stay registered. A hook
    that raises, or a hook wrapper, would also affect the results of the other plugins.
    """
    manager = pluggy.PluginManager(hooks.PROJECT)
    manager.add_hookspecs(hooks)
    manager.register(entry_point.load(), entry_point.name)
    manager.check_pending()
    if not any(_hook(manager.hook, kind).get_hookimpls() for kind in hooks.KINDS):
        names = ", ".join(f"register_{kind}s" for kind in hooks.KINDS)
        raise TypeError(
            f"{entry_point.value!r} implements none of {names}; mark one with "
            "@spin_registry.hookimpl"
        )
    return manager.hook


def _hook(relay: pluggy.HookRelay, kind: str) -> pluggy.HookCaller:
    return getattr(relay, f"register_{kind}s")


def _entries(hook: pluggy.HookCaller, entry_type: type[Any]) -> list[Any]:
    """Calls a hook, and checks the result of its implementation."""
    results: list[Any] = hook()
    if hook.get_hookimpls() and not results:
        results = [None]  # Pluggy drops None: the implementation lacks a return statement.
    entries: list[Any] = []
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
