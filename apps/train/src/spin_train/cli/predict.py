"""The command `spin-predict`: labels images with a trained model."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from spin_registry.command_signals import CommandSignals

if TYPE_CHECKING:
    import argparse

_SHOWN = 3


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code."""
    with CommandSignals("spin-predict", is_process=argv is None):
        return _main(argv)


def _main(argv: Sequence[str] | None) -> int:
    # Imported here, so that a signal is answered while they load.
    from spin_train.cli.arguments import Parser, add_checkpoint, run_command, user_path

    parser = Parser(prog="spin-predict", description=__doc__)
    model = parser.add_mutually_exclusive_group(required=True)
    model.add_argument("--weights", type=user_path, help="a file written by spin-export")
    model.add_argument("--workdir", type=user_path, help="a run's directory")
    add_checkpoint(parser)
    parser.add_argument(
        "--projection",
        choices=("auto", "image", "panorama"),
        default="auto",
        help="image: flat, placed around the south pole; panorama: equirectangular, covers the "
        "sphere; auto: as in the training (if not known: a panorama if twice as wide as high)",
    )
    parser.add_argument(
        "--invert",
        action="store_true",
        help="swap dark and bright: for ink on paper, if the training had bright ink on black",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object per line")
    parser.add_argument(
        "images", nargs="+", type=user_path, metavar="IMAGE", help="image or folder of images"
    )
    return run_command(parser, _predict, argv)


def _predict(arguments: argparse.Namespace) -> None:
    import json

    from spin_train.errors import DatasetError
    from spin_train.inference.prediction import (
        UnreadableImage,
        model_of_run,
        model_of_weights,
        predict_each,
    )

    # stdout is for the predictions alone, which programs read; models of plugins may print.
    with contextlib.redirect_stdout(sys.stderr):
        if arguments.weights is not None:
            model = model_of_weights(arguments.weights)
        else:
            model = model_of_run(arguments.workdir, arguments.checkpoint)
    unreadable = []
    found_images = predict_each(
        model, arguments.images, projection=arguments.projection, inverted=arguments.invert
    )
    while True:
        with contextlib.redirect_stdout(sys.stderr):
            found = next(found_images, None)
        if found is None:
            break
        if isinstance(found, UnreadableImage):
            unreadable.append(found)
            continue
        if arguments.json:
            record = {"image": found.path, "label": found.label, "class": found.class_name}
            print(json.dumps(record | {"probabilities": found.probabilities}))
            continue
        first = list(found.probabilities.items())[:_SHOWN]
        shown = ", ".join(f"{name} {100 * value:.1f}%" for name, value in first)
        print(f"{found.path}: {found.class_name}  ({shown})")
    if unreadable:
        raise DatasetError("\n".join(image.error for image in unreadable))


if __name__ == "__main__":
    sys.exit(main())
