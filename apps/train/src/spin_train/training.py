"""Training: everything that the command does, as one function."""

import contextlib
from pathlib import Path
from typing import Any

import jax
import ml_collections

from spin_train.checkpoints import BEST_FOLDER, Checkpoints
from spin_train.configuration import as_plain_dict, complete_config
from spin_train.experiment import Experiment, make_experiment
from spin_train.loop import Listeners, TrainingLoop
from spin_train.metrics import MetricRecord, MetricWriter
from spin_train.model_state import parameter_count
from spin_train.processes import is_first_process
from spin_train.progress import Progress
from spin_train.report import Findings, find_out, write_report
from spin_train.run_files import SUMMARY_FILE, claim_workdir, global_batch_size, write_json
from spin_train.step import TrainState

REPORT_FILE = "report.html"


def train(
    config: ml_collections.ConfigDict | dict[str, Any], workdir: str | Path
) -> dict[str, Any]:
    """Trains a model, or continues where the directory's newest checkpoint is, and evaluates it.

    Leaves in the directory: `checkpoints/` (the newest two) and, if it evaluated while training,
    `best/`, TensorBoard events, `metrics.jsonl`, `config.json`, `report.html` and `summary.json`. A
    finished run is only evaluated again.

    SIGTERM and SIGINT end a training after the step in hand, which is saved.

    Args:
      config: as `load_config` returns it, or some of its keys; the others have their defaults.
      workdir: the run's directory; created if need be. On another number of devices than before,
        the global batch remains what it was.

    Returns:
      The summary: `model_name`, `dataset`, `eval_dataset`, `param_count`, `num_train_steps`,
      `steps_per_sec` (None if no step was timed), and for the evaluated split, "test" or
      "validation", its metrics.

    Raises:
      UserError: if a name, an option or the configuration is not valid, the directory holds
        another run, or the loss is no longer finite.
      Interrupted: a `KeyboardInterrupt`, after a signal.
    """
    config = complete_config(config)
    workdir = Path(workdir)
    batch_size = global_batch_size(workdir, config, jax.device_count())
    experiment = make_experiment(config, batch_size)
    claim_workdir(workdir, config, batch_size)

    with contextlib.ExitStack() as stack:
        checkpoints = stack.enter_context(Checkpoints(workdir))
        best = None
        if experiment.final_split == "validation":
            best = stack.enter_context(Checkpoints(workdir, BEST_FOLDER, kept=1))
        state = experiment.initial_state()
        notes: dict[str, Any] = {}
        warnings: list[str] = []
        if checkpoints.latest_step is not None:
            state, notes = checkpoints.restore_latest(state, experiment.mesh, warnings.append)
        first_step, last_step = int(state.step), experiment.num_train_steps
        if best is not None:
            best.forget_after(first_step)
        with (
            MetricWriter(workdir, first_step) as writer,
            Progress(first_step, last_step) as progress,
        ):
            progress.say(_headline(experiment))
            for text in (*warnings, *(() if first_step else experiment.remarks)):
                progress.say(f"note: {text}")
            if first_step:
                progress.say(
                    f"continuing after step {first_step}"
                    if first_step < last_step
                    else f"all {last_step} steps are done already: evaluating only"
                )
            else:
                writer.write(1, {"param_count": parameter_count(experiment.parts.params)})
            loop = TrainingLoop(
                experiment, Listeners(workdir, checkpoints, best, writer, progress), notes
            )
            state = loop.run(state, first_step)
            split = experiment.final_split
            final = loop.evaluate(state, split)
            summary = _summary(experiment, writer.history) | {split: final}
            write_json(workdir / SUMMARY_FILE, summary)
            if is_first_process():
                findings = None
                if config.report_examples:
                    progress.say("looking at the trained model, for the report")
                    findings = _findings(experiment, state)
                path = workdir / REPORT_FILE
                write_report(path, as_plain_dict(config), summary, writer.history, findings)
                progress.say(f"report: {path}")
    return summary


def _findings(experiment: Experiment, state: TrainState) -> Findings:
    split = experiment.final_split
    source = experiment.eval_dataset.splits[split]
    return find_out(experiment.trained(state), source, split, experiment.config.report_examples)


def _headline(experiment: Experiment) -> str:
    config = experiment.config
    devices = f"{experiment.mesh.size} x {experiment.mesh.devices.flat[0].device_kind}"
    evaluated = f" (evaluated on {config.eval_dataset})" if config.eval_dataset else ""
    return (
        f"model={config.model_name}, dataset={config.dataset}{evaluated}, "
        f"param_count={parameter_count(experiment.parts.params)}, devices={devices}, "
        f"num_train_steps={experiment.num_train_steps}, "
        f"steps_per_epoch={experiment.steps_per_epoch}"
    )


def _summary(experiment: Experiment, history: list[MetricRecord]) -> dict[str, Any]:
    config = experiment.config
    overall = [record["steps_per_sec"] for record in history if set(record) == _OVERALL_SPEED]
    return {
        "model_name": config.model_name,
        "dataset": config.dataset,
        "eval_dataset": config.eval_dataset or config.dataset,
        "param_count": parameter_count(experiment.parts.params),
        "num_train_steps": experiment.num_train_steps,
        "steps_per_sec": overall[-1] if overall else None,
    }


_OVERALL_SPEED = {"step", "steps_per_sec"}
