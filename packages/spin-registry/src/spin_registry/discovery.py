"""Loads every plugin on its own, so that a broken plugin does not affect the others."""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from importlib import metadata
from importlib.metadata import EntryPoint
from types import FrameType
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
from spin_registry.errors import one_line

_SECONDS_UNTIL_A_NOTE = 10


class _TooSlowError(BaseException):
    """A plugin takes longer to load than it may. Its own handlers of exceptions do not catch it."""


def discover_installed(patience: float | None = None) -> Registry:
    """Loads the plugins of all installed distributions; see `discover`.

    A distribution whose list of entry points cannot be read is recorded as a broken plugin.
    """
    unreadable: list[BrokenPlugin] = []
    try:
        found: Iterable[EntryPoint] = metadata.entry_points(group=hooks.PROJECT)
    except Exception:  # one unreadable file stops the reading of all
        found, unreadable = _entry_points_one_by_one()
    return discover(found, patience, unreadable)


def discover(
    entry_points: Iterable[EntryPoint],
    patience: float | None = None,
    unreadable: Iterable[BrokenPlugin] = (),
) -> Registry:
    """Loads plugins and collects the entries that they register.

    If a plugin's import, its registration or one of its hooks fails, the plugin is recorded as
    broken. None of its entries is registered then, and the other plugins are not affected.

    What plugins print while they load goes to stderr, because stdout may hold a command's result.
    A plugin that takes long to load is named on stderr.

    Args:
      entry_points: entry points, each of which names a module (or another object) that implements
        hooks.
      patience: seconds that each plugin may take to load; a slower one is recorded as broken. None
        for no limit. Without effect outside the main thread, and on Windows.
      unreadable: plugins that are known to be broken.
    """
    found: dict[str, list[Registration[Any]]] = {kind: [] for kind in hooks.KINDS}
    broken: list[BrokenPlugin] = list(unreadable)
    for entry_point in entry_points:
        plugin = _plugin(entry_point)
        try:
            with contextlib.redirect_stdout(sys.stderr), _limited(plugin, patience):
                relay = _register(entry_point)
                new = {
                    kind: _entries(_hook(relay, kind), entry) for kind, entry in hooks.KINDS.items()
                }
        except (Exception, SystemExit, _TooSlowError) as error:
            if isinstance(error, _TooSlowError):
                error = TimeoutError(f"not loaded after {patience:g} s")
            broken.append(BrokenPlugin(plugin.name, plugin.distribution, plugin.version, error))
            continue
        for kind, entries in new.items():
            found[kind] += [Registration(entry, plugin) for entry in entries]
    catalogues: dict[str, Catalogue[Any]] = {
        kind: Catalogue(kind, tuple(sorted(registrations, key=_order)), tuple(broken))
        for kind, registrations in found.items()
    }
    return Registry(catalogues["model"], catalogues["dataset"], catalogues["grid"], tuple(broken))


def _entry_points_one_by_one() -> tuple[list[EntryPoint], list[BrokenPlugin]]:
    """Reads each distribution's entry points; returns what can be read, and what cannot."""
    found: dict[str, list[EntryPoint]] = {}
    broken = []
    for distribution in metadata.distributions():
        name = version = "unknown"
        try:
            name, version = distribution.name, distribution.version
            if name not in found:  # the first one on the path is the one that is imported
                found[name] = list(distribution.entry_points.select(group=hooks.PROJECT))
        except Exception as error:
            cause = ValueError(f"its entry_points.txt cannot be read: {one_line(error)}")
            broken.append(BrokenPlugin("entry_points.txt", name, version, cause))
    return [entry_point for group in found.values() for entry_point in group], broken


@contextlib.contextmanager
def _limited(plugin: Plugin, seconds: float | None) -> Iterator[None]:
    """Raises `_TooSlowError` if the context lasts too long; a slow plugin is named on stderr."""

    def say() -> None:
        print(f"note: {plugin} is still loading; Ctrl-C stops", file=sys.stderr, flush=True)

    def stop(number: int, frame: FrameType | None) -> None:
        raise _TooSlowError

    note = threading.Timer(_SECONDS_UNTIL_A_NOTE, say)
    note.daemon = True
    note.start()
    has_alarm = hasattr(signal, "setitimer")
    limited = seconds is not None and has_alarm and _is_main_thread()
    before: Any = None
    if limited:
        before = signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, float(seconds or 0), float(seconds or 0))
    try:
        yield
    finally:
        note.cancel()
        if limited:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL if before is None else before)


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


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
