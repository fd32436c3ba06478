"""Lists the registered entries and the plugins that failed to load, for the command `spin-list`."""

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from spin_registry.catalogue import Catalogue, Plugin, Registration, Registry
from spin_registry.discovery import discover_installed

Row = dict[str, Any]

_SECONDS_PER_PLUGIN = 20.0


def print_registry(arguments: Sequence[str] | None) -> int:
    """Parses the arguments of the command, prints the registry, and returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="spin-list",
        description="List the registered models, datasets and grids, the names that are "
        "registered more than once, and the plugins that failed to load.",
        epilog="The exit status is 0 in all of these cases. Programs should read 'conflicts' and "
        "'broken' in the output of --json.",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    as_json = parser.parse_args(arguments).json
    with _stdout_to_stderr():
        found = describe(discover_installed(_SECONDS_PER_PLUGIN))
    print(json.dumps(found, indent=2, default=repr) if as_json else _page(found))
    return 0


def describe(registry: Registry) -> dict[str, list[Row]]:
    """Returns the registry as lists and dictionaries, the form that `spin-list --json` prints."""
    return {
        "models": [_entry(r) | {"factory": r.entry.factory} for r in registry.models.registrations],
        "datasets": [
            _entry(r) | {"loader": r.entry.loader, "usage": r.entry.usage}
            for r in registry.datasets.registrations
        ],
        "grids": [_entry(r) | {"factory": r.entry.factory} for r in registry.grids.registrations],
        "conflicts": [
            conflict
            for catalogue in (registry.models, registry.datasets, registry.grids)
            for conflict in _conflicts(catalogue)
        ],
        "broken": [_origin(plugin) | {"error": plugin.reason} for plugin in registry.broken],
    }


@contextlib.contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    """Keeps stdout for the list, also from the C libraries and processes that plugins start."""
    sys.stdout.flush()
    try:
        kept = os.dup(1)
    except OSError:  # stdout is closed
        yield
        return
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _entry(registration: Registration[Any]) -> Row:
    entry = registration.entry
    return {
        "name": entry.name,
        **_origin(registration.plugin),
        "summary": entry.summary,
        "options": dict(getattr(entry, "options", {})),
    }


def _conflicts(catalogue: Catalogue[Any]) -> list[Row]:
    return [
        {"kind": catalogue.kind, "name": name, "plugins": [_origin(plugin) for plugin in plugins]}
        for name, plugins in catalogue.conflicts().items()
    ]


def _origin(plugin: Plugin) -> Row:
    return {
        "plugin": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
    }


def _page(found: dict[str, list[Row]]) -> str:
    sections = [
        _table("MODEL", found["models"]),
        _table("DATASET", found["datasets"]),
        _table("GRID", found["grids"]),
    ]
    if found["conflicts"]:
        lines = [
            f"  {row['kind']} {row['name']}: {', '.join(map(_release, row['plugins']))}"
            for row in found["conflicts"]
        ]
        sections.append("\n".join(["Registered more than once, and refused:", *lines]))
    if found["broken"]:
        lines = [f"  {row['plugin']}: {_release(row)}: {row['error']}" for row in found["broken"]]
        sections.append("\n".join(["Plugins that failed to load:", *lines]))
    return "\n\n".join(sections)


def _table(title: str, rows: list[Row]) -> str:
    cells = [(title, "DISTRIBUTION", "SUMMARY", "PRESET OPTIONS")]
    for row in rows:
        options = ", ".join(f"{name}={value!r}" for name, value in row["options"].items())
        name = row["usage"] if "usage" in row else row["name"]
        cells.append((name, _release(row), row["summary"], options or "-"))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]
    return "\n".join(lines if rows else [*lines, "(none is registered)"])


def _release(row: Row) -> str:
    return f"{row['distribution']} {row['version']}"
