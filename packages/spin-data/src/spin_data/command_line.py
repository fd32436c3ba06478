"""The command `spin-data`: builds a dataset, lists the datasets, or draws samples."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import spin_registry
from spin_data.option_values import parse_option

_USERS_FAULT = (
    spin_registry.RegistryError,
    ValueError,
    OSError,
    ImportError,
    argparse.ArgumentTypeError,
)


def run(arguments: Sequence[str] | None) -> int:
    """Runs the command and returns the exit status: 0, or 2 after a user error, which is printed.

    Args:
      arguments: command-line arguments; None for those of the process.
    """
    parser = _parser()
    parsed, others = parser.parse_known_args(arguments)
    # argparse accepts the loader's options in one place only, not both before and after a flag.
    if others and (parsed.run is _list or any(word.startswith("-") for word in others)):
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    try:
        if others:
            parsed.option = [*parsed.option, *map(_option, others)]
        parsed.run(parsed)
    except _USERS_FAULT as error:
        print(f"spin-data: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except SystemExit as error:  # of a record; a loader's is a RegistryError
        origin = spin_registry.dataset_origin(getattr(parsed, "name", ""))
        print(f"spin-data: the code of {origin} called sys.exit({error.code!r})", file=sys.stderr)
        return 2
    return 0


def _build(parsed: argparse.Namespace) -> None:
    """Loads the dataset, which builds it if necessary, and verifies all its files."""
    from spin_data.sources.placement import source_bytes
    from spin_data.tfds_building import has_checksums, verify

    dataset = _load(parsed)
    for split, source in dataset.splits.items():
        megabytes = source_bytes(source) / 1e6
        print(f"{split}: {len(source)} records, {megabytes:.1f} MB in memory")
    folder = getattr(dataset, "folder", None)
    if folder is None:
        return
    if not has_checksums(folder):
        print(f"{folder}: not verified, because it has no checksums and is read-only")
        return
    print(f"{folder}: {verify(folder) / 1e6:.1f} MB, every file as it was built")


def _list(parsed: argparse.Namespace) -> None:
    """Prints the names and summaries of the datasets."""
    rows = []
    for name in spin_registry.dataset_names():
        try:
            entry = spin_registry.get_dataset(name)
        except spin_registry.NameConflictError as error:
            rows.append((name, str(error)))
            continue
        rows.append((entry.usage, entry.summary))
    width = max((len(name) for name, _ in rows), default=0)
    for name, summary in rows:
        print(f"{name.ljust(width)}  {summary}")
    for plugin in spin_registry.broken_plugins():
        print(f"failed to load: {plugin}: {plugin.reason}")


def _show(parsed: argparse.Namespace) -> None:
    """Draws a sheet of samples and saves it as an image file."""
    from spin_data.sample_sheet import draw_samples

    dataset = _load(parsed)
    figure = draw_samples(
        dataset, split=parsed.split, count=parsed.count, seed=parsed.seed, title=parsed.name
    )
    count = min(parsed.count, len(dataset.splits[parsed.split]))
    output = parsed.output and Path(os.path.expanduser(parsed.output))
    output = output or Path(f"{parsed.name.replace('/', '_').replace(':', '_')}.png")
    figure.savefig(output, dpi=100)
    print(f"{output}: {count} samples of {parsed.name}, split {parsed.split}")


def _load(parsed: argparse.Namespace) -> Any:
    from spin_data.checks import check_dataset

    dataset = spin_registry.get_dataset(parsed.name).load(**dict(parsed.option))
    check_dataset(dataset)
    return dataset


def _option(word: str) -> tuple[str, Any]:
    key, equals, value = word.partition("=")
    if not equals or not key.isidentifier():
        raise argparse.ArgumentTypeError(f"{word!r}: expected NAME=VALUE, as in resolution=32")
    try:
        return key, parse_option(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="spin-data", description="Build, list and draw datasets on the sphere."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    build = commands.add_parser(
        "build",
        help="build a dataset if it does not exist yet, and verify its files",
        description="Builds a dataset if it does not exist yet, and verifies the checksum of every "
        "file. A dataset is either complete or absent: an interrupted build starts again from the "
        "beginning. A second build at the same time waits for the first.",
    )
    build.set_defaults(run=_build)
    listing = commands.add_parser("list", help="list the registered datasets")
    listing.set_defaults(run=_list)
    show = commands.add_parser("show", help="draw a sheet of samples")
    show.set_defaults(run=_show)
    show.add_argument("--output", type=Path, help="a .png, .pdf or .svg; named after the dataset")
    show.add_argument("--split", default="train")
    show.add_argument("--count", type=int, default=6)
    show.add_argument("--seed", type=int, default=0, help="random seed that selects the samples")
    for command in (build, show):
        command.add_argument("name", metavar="NAME", help="a registered name; see `spin-data list`")
        command.add_argument(
            "option",
            nargs="*",
            type=_option,
            metavar="OPTION=VALUE",
            help="an option of the dataset's loader, for example resolution=32",
        )
    return parser
