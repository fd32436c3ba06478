"""The command `spin-evaluate`: metrics and equivariance of a run, on its dataset or another."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from spin_registry.command_signals import CommandSignals

if TYPE_CHECKING:
    import argparse

_LONGEST_NAME = 100


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code."""
    with CommandSignals("spin-evaluate", is_process=argv is None):
        return _main(argv)


def _main(argv: Sequence[str] | None) -> int:
    # Imported here, so that a signal is answered while they load.
    from spin_train.cli.arguments import Parser, add_checkpoint, run_command, user_path

    parser = Parser(prog="spin-evaluate", description=__doc__)
    parser.add_argument("--workdir", type=user_path, required=True, help="the run's directory")
    parser.add_argument("--dataset", help="dataset to evaluate on (default: the run's own)")
    parser.add_argument(
        "--split",
        default="test",
        help="split of the dataset, or all (default: test). Other files than those of the "
        "training, if they are not divided into splits, are the split test as a whole",
    )
    add_checkpoint(parser)
    parser.add_argument(
        "--examples",
        type=int,
        default=256,
        help="examples to rotate for measuring equivariance; 0: none (default: 256)",
    )
    return run_command(parser, _evaluate, argv)


def _evaluate(arguments: argparse.Namespace) -> None:
    from spin_train.analysis import measure_rotations
    from spin_train.errors import ConfigurationError, WorkdirError, as_user_error
    from spin_train.training.evaluation import open_run
    from spin_train.workdir.identity import write_json

    if arguments.examples < 0:
        raise ConfigurationError(f"--examples must be 0 or more, got {arguments.examples}")
    run = open_run(arguments.workdir, arguments.dataset, arguments.checkpoint)
    source = run.source(arguments.split)
    for remark in run.remarks:
        print(f"note: {remark}", flush=True)
    result: dict[str, object] = {
        "dataset": run.dataset_name,
        "dataset_version": run.dataset.version,
        "split": arguments.split,
        "checkpoint": arguments.checkpoint,
        "step": int(run.saved.state.step),
        "examples": run.evaluator.scored_examples(source),
        **run.evaluate(arguments.split),
    }
    for key, value in result.items():
        print(f"{key:<24} {value}", flush=True)
    if arguments.examples:
        rotations = measure_rotations(run.saved.trained_model(), source, arguments.examples)
        result["rotated_examples"] = rotations.examples
        result["accuracy_by_degrees"] = rotations.accuracy
        result["equivariance_error"] = rotations.layer_errors
        result["invariance_error"] = rotations.invariance_error
        print(
            f"\nequivariance errors: layers over {rotations.layer_examples} and outputs over "
            f"{rotations.examples} randomly rotated examples:"
        )
        for layer, error in rotations.layer_errors.items():
            print(f"{layer:<24} {error:.3e}")
        if rotations.invariance_error is not None:
            print(f"{'outputs':<24} {rotations.invariance_error:.3e}")
        print("\naccuracy by rotation angle in degrees:")
        for degrees, accuracy in rotations.accuracy.items():
            print(f"{degrees:<24} {100 * accuracy:.2f}%")
        for remark in rotations.remarks:
            print(f"not measured: {remark}")
    words = "_".join((run.dataset_name, arguments.split, arguments.checkpoint))
    path = arguments.workdir / f"evaluation_{_file_name(words)}.json"
    with as_user_error(WorkdirError, f"cannot write {str(path)!r}", OSError):
        write_json(path, result)
    print(f"\nwritten to {path}")


def _file_name(words: str) -> str:
    name = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in words)
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{zlib.crc32(words.encode()):08x}_{name[-_LONGEST_NAME:]}"  # of a long path


if __name__ == "__main__":
    sys.exit(main())
