"""Training: everything that the command does, as one function."""

import contextlib
from pathlib import Path
from typing import Any

import jax
import ml_collections

from spin_train.checkpoints import BEST_FOLDER, Checkpoints
from spin_train.configuration import as_plain_dict, complete_config, profiled_steps
from spin_train.errors import WorkdirError, as_user_error
from spin_train.experiment import Experiment, check_final_split, make_experiment
from spin_train.interruption import Interruption
from spin_train.loop import Listeners, TrainingLoop
from spin_train.metrics import MetricRecord, MetricWriter
from spin_train.model_state import parameter_count
from spin_train.processes import is_first_process
from spin_train.progress import Progress
from spin_train.report import Findings, find_out, write_report
from spin_train.run_files import (
    SUMMARY_FILE,
    claimed_workdir,
    global_batch_size,
    has_checkpoints,
    write_json,
)
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
    fresh = config
    if has_checkpoints(workdir):
        fresh = config.copy_and_resolve_references()
        fresh.initial_weights = ""  # the checkpoint has what came of them
    experiment = make_experiment(fresh, batch_size)
    check_final_split(experiment)

    with contextlib.ExitStack() as stack:
        claim = claimed_workdir(workdir, config, batch_size, experiment.data_versions)
        remarks = [*stack.enter_context(claim)]
        checkpoints = stack.enter_context(Checkpoints(workdir))
        best = None
        if experiment.final_split == "validation":
            best = stack.enter_context(Checkpoints(workdir, BEST_FOLDER))
        state = experiment.initial_state()
        notes: dict[str, Any] = {}
        if checkpoints.latest_step is not None:
            state, notes = checkpoints.restore_latest(state, experiment.mesh, remarks.append)
        first_step, last_step = int(state.step), experiment.num_train_steps
        if best is not None:
            best.forget_after(first_step)
        writer = stack.enter_context(MetricWriter(workdir, first_step))
        progress = stack.enter_context(Progress(first_step, last_step))
        interruption = stack.enter_context(Interruption())

        progress.say(_headline(experiment))
        for text in (*remarks, *experiment.remarks, *_unprofiled(config, last_step)):
            progress.say(f"note: {text}")
        if first_step:
            progress.say(
                f"continuing after step {first_step}"
                if first_step < last_step
                else f"all {last_step} steps are done already: evaluating only"
            )
        else:
            writer.write(1, {"param_count": parameter_count(experiment.parts.params)})
        listeners = Listeners(workdir, checkpoints, best, writer, progress, interruption)
        loop = TrainingLoop(experiment, listeners, notes)
        state = loop.run(state, first_step)
        split = experiment.final_split
        final = loop.evaluate(state, split)
        summary = _summary(experiment, writer.history) | {split: final}
        with as_user_error(WorkdirError, f"working directory {str(workdir)!r}", OSError):
            write_json(workdir / SUMMARY_FILE, summary)
        if is_first_process():
            interruption.leave_at_once(last_step)
            _report(experiment, config, state, workdir, summary, writer.history, progress)
    return summary


def _report(
    experiment: Experiment,
    config: ml_collections.ConfigDict,
    state: TrainState,
    workdir: Path,
    summary: dict[str, Any],
    history: list[MetricRecord],
    progress: Progress,
) -> None:
    path = workdir / REPORT_FILE
    findings: Findings | str | None = None
    if config.report_examples:
        progress.say("looking at the trained model, for the report")
        split = experiment.final_split
        source = experiment.eval_dataset.splits[split]
        try:
            findings = find_out(experiment.trained(state), source, split, config.report_examples)
        except Exception as error:
            # Models and data are plugins', and may do anything: the run is done all the same.
            findings = f"{type(error).__name__}: {error}"
            progress.say(f"note: the trained model could not be looked at: {findings}")
    with as_user_error(WorkdirError, f"working directory {str(workdir)!r}", OSError):
        write_report(path, as_plain_dict(config), summary, history, findings)
    progress.say(f"report: {path}")


def _unprofiled(config: ml_collections.ConfigDict, last_step: int) -> list[str]:
    steps = profiled_steps(config)
    if not steps or steps[-1] <= last_step:
        return []
    return [f"profile_steps {config.profile_steps} go beyond the last step, {last_step}"]


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
