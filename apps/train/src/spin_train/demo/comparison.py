"""Compares a spin CNN with a planar CNN of similar size, on digits.

Each network is trained twice, on rotated digits (R/R) and on upright digits (NR/R), and is always
tested on rotated digits. The spin CNN should be about as accurate in NR/R as in R/R. The planar CNN
is much less accurate in NR/R.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Sequence

import ml_collections

from spin_train.cli.arguments import user_path
from spin_train.configuration import load_config
from spin_train.errors import UserError
from spin_train.training.interruption import Interrupted
from spin_train.training.run import REPORT_FILE, train
from spin_train.workdir.identity import CONFIG_FILE

LEAST_ACCURACY = 0.95

_MODELS = ("tiny_classifier", "tiny_cnn_classifier")
_ROTATED, _UPRIGHT = "digits/rotated", "digits/canonical"


def compare(argv: Sequence[str] | None) -> int:
    """Runs the demo with these arguments, and returns its exit code."""
    arguments = _parser().parse_args(argv)
    modes = ["R/R"] if arguments.skip_canonical else ["R/R", "NR/R"]
    rows = []
    try:
        for model_name in _MODELS:
            for mode in modes:
                workdir = arguments.workdir / f"{model_name}_{mode.replace('/', '_')}"
                config = _config(model_name, mode, arguments.steps)
                if (workdir / CONFIG_FILE).exists():  # an earlier demo's run
                    shutil.rmtree(workdir)
                print(f"\n== {model_name}, {mode} ==", flush=True)
                began = time.perf_counter()
                summary = train(config, workdir)
                rows.append(
                    {
                        "model": model_name,
                        "parameters": f"{summary['param_count']:,}",
                        "trained/tested": mode,
                        "test accuracy": f"{100 * summary['test']['accuracy']:.2f}%",
                        "seconds": f"{time.perf_counter() - began:.0f}",
                        "report": str(workdir / REPORT_FILE),
                    }
                )
                if (model_name, mode) == (_MODELS[0], "R/R"):
                    accuracy = summary["test"]["accuracy"]
    except UserError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    except Interrupted as end:
        print(f"demo: stopped by {end.signal.name}; run it again to start over", file=sys.stderr)
        return 128 + end.signal
    print(f"\n{_table(rows)}\n\nR: rotated, NR: not rotated; NR/R: trained on NR, tested on R.")
    if accuracy < LEAST_ACCURACY:
        print(
            f"{_MODELS[0]} reached {accuracy:.4f} on rotated digits, expected {LEAST_ACCURACY}",
            file=sys.stderr,
        )
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m spin_train.demo", description=__doc__)
    parser.add_argument("--workdir", type=user_path, required=True, help="the folder for the runs")
    parser.add_argument("--steps", type=int, help="training steps (default: the preset's)")
    parser.add_argument(
        "--skip-canonical", action="store_true", help="skip the training on upright digits"
    )
    return parser


def _config(model_name: str, mode: str, steps: int | None) -> ml_collections.ConfigDict:
    config = load_config("digits")
    config.model_name = model_name
    if mode == "NR/R":
        config.dataset, config.eval_dataset = _UPRIGHT, _ROTATED
    if steps is not None:
        config.num_train_steps = steps
    return config


def _table(rows: Sequence[dict[str, str]]) -> str:
    lines = [list(rows[0]), *(list(row.values()) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
