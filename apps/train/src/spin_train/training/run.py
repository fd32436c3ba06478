"""The function `train`, which does everything that the command `spin-train` does."""

import contextlib
from pathlib import Path
from typing import Any

import jax
import ml_collections

from spin_train.analysis import ModelAnalysis, analyze_model
from spin_train.configuration import as_plain_dict, complete_config, profiled_steps
from spin_train.devices.processes import is_first_process
from spin_train.errors import ModelError, WorkdirError, as_user_error
from spin_train.model.building import description_as_json
from spin_train.model.functional import parameter_count
from spin_train.model.train_state import TrainState
from spin_train.report import write_report
from spin_train.training.interruption import Interruption
from spin_train.training.loop import RunServices, TrainingLoop
from spin_train.training.paths import with_absolute_paths
from spin_train.training.progress import Progress
from spin_train.training.setup import TrainingSetup, check_before_training, make_setup
from spin_train.workdir.checkpoints import BEST_FOLDER, Checkpoints
from spin_train.workdir.identity import (
    SUMMARY_FILE,
    RunRecord,
    claimed_workdir,
    global_batch_size,
    has_checkpoints,
    write_json,
)
from spin_train.workdir.metric_files import MetricRecord, MetricWriter

REPORT_FILE = "report.html"


def train(
    config: ml_collections.ConfigDict | dict[str, Any], workdir: str | Path
) -> dict[str, Any]:
    """Trains and evaluates a model, from the directory's newest checkpoint if there is one.

    Writes to the directory: `checkpoints/` (the newest two), `best/` (if the validation split is
    evaluated during training), TensorBoard events, `metrics.jsonl`, `config.json`, `report.html`
    and `summary.json`. A finished run is only evaluated again.

    After SIGTERM or SIGINT, the training finishes the current step, saves it and stops.

    Args:
      config: the configuration, as returned by `load_config`, or a dict of some of its keys. The
        other keys have their default values.
      workdir: the run's directory; created if it does not exist. A run that continues on another
        number of devices keeps its global batch.

    Returns:
      The summary: `model_name`, `dataset`, `eval_dataset`, `param_count`, `num_train_steps`,
      `steps_per_sec` (None if no step was timed), and for the evaluated split, "test" or
      "validation", its metrics.

    Raises:
      UserError: if a name, an option or the configuration is not valid, the directory holds
        another run, or the loss is no longer finite.
      Interrupted: a `KeyboardInterrupt`, after a signal.
    """
    return train_until_interrupted(config, workdir, Interruption())


def train_until_interrupted(
    config: ml_collections.ConfigDict | dict[str, Any], workdir: str | Path, signals: Interruption
) -> dict[str, Any]:
    """Does what `train` does; the caller may ask `signals` whether steps would be lost."""
    config = with_absolute_paths(complete_config(config))
    workdir = Path(workdir).expanduser()
    batch_size = global_batch_size(workdir, config, jax.device_count())
    # If there is a checkpoint, its weights replace those that the run started from.
    weights = "" if has_checkpoints(workdir) else None
    setup = make_setup(config, batch_size, initial_weights=weights)
    setup.data.check_splits()
    check_before_training(setup)

    with contextlib.ExitStack() as stack:
        claim = claimed_workdir(workdir, _record_of(setup))
        remarks = [*stack.enter_context(claim)]
        checkpoints = stack.enter_context(Checkpoints(workdir))
        best = None
        if setup.data.final_split == "validation":
            best = stack.enter_context(Checkpoints(workdir, BEST_FOLDER))
        state = setup.initial_state()
        metadata: dict[str, Any] = {}
        if checkpoints.latest_step is not None:
            state, metadata = checkpoints.restore_latest(state, setup.mesh, remarks.append)
        first_step = int(state.step)
        if best is not None:
            best.forget_after(first_step)
        services = RunServices(
            workdir,
            checkpoints,
            best,
            stack.enter_context(MetricWriter(workdir, first_step, remarks.append)),
            stack.enter_context(Progress(first_step, setup.num_train_steps)),
            stack.enter_context(signals),
        )
        signals.saved(first_step)
        _announce(setup, services, first_step, (*remarks, *setup.remarks))
        loop = TrainingLoop(setup, services, metadata)
        state = loop.run(state, first_step)
        final = loop.evaluate(state, setup.data.final_split)
        summary = _summary(setup, services.writer.history) | {setup.data.final_split: final}
        with as_user_error(WorkdirError, f"working directory {str(workdir)!r}", OSError):
            write_json(workdir / SUMMARY_FILE, summary)
        if is_first_process():
            services.interruption.leave_at_once(setup.num_train_steps)
            _report(setup, services, state, summary)
    return summary


def _record_of(setup: TrainingSetup) -> RunRecord:
    try:
        described = setup.description
        description_as_json(described)
    except ModelError:
        model = None  # trains all the same; `spin-export` says what cannot be described
    else:
        model = described
    return RunRecord(setup.config, setup.global_batch_size, setup.data.versions, model)


def _announce(
    setup: TrainingSetup, services: RunServices, first_step: int, remarks: tuple[str, ...]
) -> None:
    config, last_step = setup.config, setup.num_train_steps
    count = parameter_count(setup.model.variables.params)
    devices = f"{setup.mesh.size} x {setup.mesh.devices.flat[0].device_kind}"
    evaluated = f" (evaluated on {config.eval_dataset})" if config.eval_dataset else ""
    services.progress.say(
        f"model={config.model_name}, dataset={config.dataset}{evaluated}, "
        f"param_count={count}, devices={devices}, "
        f"num_train_steps={last_step}, steps_per_epoch={setup.steps_per_epoch}"
    )
    for text in remarks:
        services.progress.say(f"note: {text}")
    steps = profiled_steps(config)
    if steps and steps[-1] > last_step:
        services.progress.say(
            f"note: profile_steps {config.profile_steps} go beyond the last step, {last_step}"
        )
    if not first_step:
        services.writer.write(1, {"param_count": count})
    elif first_step < last_step:
        services.progress.say(f"continuing after step {first_step}")
    else:
        services.progress.say(f"all {last_step} steps are done already: evaluating only")


def _report(
    setup: TrainingSetup, services: RunServices, state: TrainState, summary: dict[str, Any]
) -> None:
    path = services.workdir / REPORT_FILE
    progress = services.progress
    analysis: ModelAnalysis | str | None = None
    if setup.config.report_examples:
        progress.say("analyzing the trained model for the report")
        split = setup.data.final_split
        source = setup.data.eval_source(split)
        try:
            model = setup.trained_model(state)
            analysis = analyze_model(model, source, split, setup.config.report_examples)
        except Exception as error:
            # Models and data come from plugins and may raise anything; the training is complete.
            analysis = f"{type(error).__name__}: {error}"
            progress.say(f"note: the trained model could not be analyzed: {analysis}")
    with as_user_error(WorkdirError, f"working directory {str(services.workdir)!r}", OSError):
        history = services.writer.history
        write_report(path, as_plain_dict(setup.config), summary, history, analysis)
    progress.say(f"report: {path}")


def _summary(setup: TrainingSetup, history: list[MetricRecord]) -> dict[str, Any]:
    config = setup.config
    overall = [record["steps_per_sec"] for record in history if set(record) == _OVERALL_SPEED]
    return {
        "model_name": config.model_name,
        "dataset": config.dataset,
        "eval_dataset": setup.data.eval_name,
        "param_count": parameter_count(setup.model.variables.params),
        "num_train_steps": setup.num_train_steps,
        "steps_per_sec": overall[-1] if overall else None,
    }


_OVERALL_SPEED = {"step", "steps_per_sec"}
