"""The command `spin-export`: writes a run's weights as safetensors, for `spin_models.load`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from spin_registry.command_signals import CommandSignals

if TYPE_CHECKING:
    import argparse


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code."""
    with CommandSignals("spin-export", is_process=argv is None):
        return _main(argv)


def _main(argv: Sequence[str] | None) -> int:
    # Imported here, so that a signal is answered while they load.
    from spin_train.cli.arguments import Parser, add_checkpoint, run_command, user_path

    parser = Parser(prog="spin-export", description=__doc__)
    parser.add_argument("--workdir", type=user_path, required=True, help="the run's directory")
    parser.add_argument(
        "--output", type=user_path, required=True, help="file to write, such as model.safetensors"
    )
    add_checkpoint(parser)
    return run_command(parser, _export, argv)


def _export(arguments: argparse.Namespace) -> None:
    from spin_train.inference.weights_export import export

    described = export(arguments.workdir, arguments.output, arguments.checkpoint)
    size = arguments.output.stat().st_size
    print(
        f"{arguments.output}: {described['model_name']} after step {described['step']}, "
        f"{size:,} bytes"
    )


if __name__ == "__main__":
    sys.exit(main())
