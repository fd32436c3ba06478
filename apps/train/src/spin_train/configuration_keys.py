"""The keys of a configuration, with their defaults, meanings and allowed values."""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Key:
    """One key of a configuration.

    Attributes:
      name: the key's name. Keys of the published code keep their published names.
      default: the default value, which also defines the type. It is a dict for a key that holds
        options of any name.
      help: the key's meaning, as `spin-train --help` prints it.
      least: the smallest allowed value; None if there is no limit.
      or_minus_one: whether -1 is allowed as well.
      choices: the allowed values; empty if all are allowed.
    """

    name: str
    default: Any
    help: str
    least: float | None = None
    or_minus_one: bool = False
    choices: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether the key holds options of any name, which the plugin checks."""
        return isinstance(self.default, dict)


KEYS = (
    # The model and the data. `spin-list` shows the registered names.
    Key("model_name", "spin_classifier_6_layers", "the registered model to train"),
    Key("dataset", "spherical_mnist/rotated", "the registered dataset to train on"),
    Key("eval_dataset", "", "the dataset to evaluate on; '': the training dataset"),
    Key("model_options", {}, "options of the model, passed to its factory"),
    Key("dataset_options", {}, "options of both datasets, passed to their loaders"),
    Key(
        "combine_train_val_and_eval_on_test",
        False,
        "False: train on 'train', evaluate on 'validation' (without it: on 'test' at the end); "
        "True: train on both, test at the end",
    ),
    Key("initial_weights", "", "for fine-tuning: a file of weights written by spin-export"),
    Key("seed", 42, "seed of the initial parameters and the data order", least=0),
    Key("trial", 0, "a label for repeated runs, without any other effect"),
    # Optimization: Adam.
    Key("learning_rate", 0.001, "for a global batch of 32; scaled with the global batch", least=0),
    Key(
        "learning_rate_schedule",
        "cosine",
        "after the warm-up: cosine decay to zero, or constant",
        choices=("cosine", "constant"),
    ),
    Key("warmup_epochs", 1, "epochs of linear warm-up", least=0),
    Key(
        "weight_decay",
        0.0,
        "L2 penalty, weight_decay / 2 * |w|^2, on arrays of 2 or more axes",
        least=0,
    ),
    Key(
        "gradient_clip_norm",
        0.0,
        "gradients with a larger norm are scaled down to this norm; 0: no clipping",
        least=0,
    ),
    Key(
        "gradient_accumulation_steps",
        1,
        "microbatches per step, to save memory; batch statistics are computed per microbatch",
        least=1,
    ),
    Key("num_epochs", 12, "passes over the training data", least=1),
    Key(
        "num_train_steps",
        -1,
        "updates, instead of num_epochs; the schedule is scaled to them; -1: num_epochs decides",
        least=1,
        or_minus_one=True,
    ),
    Key("per_device_batch_size", 32, "examples per step and device", least=1),
    Key("shuffle_buffer_size", 1000, "accepted, but not used: the shuffle is global"),
    # Data.
    Key("augment_rotation", False, "rotate each training example randomly at every use"),
    Key(
        "data_placement",
        "auto",
        "where records are kept: disk, memory, each device; auto: the fastest with enough room",
        choices=("auto", "disk", "memory", "device"),
    ),
    Key("data_threads", 2, "threads that read ahead", least=0),
    Key(
        "data_workers",
        0,
        "processes that read ahead from disk instead of the threads; they start slowly",
        least=0,
    ),
    # Evaluation.
    Key(
        "num_eval_steps",
        -1,
        "batches per evaluation; -1: the whole split",
        least=1,
        or_minus_one=True,
    ),
    Key("eval_pad_last_batch", True, "pad an incomplete last batch; False: leave it out"),
    # Logs, evaluations, checkpoints, profiles and the report.
    Key("log_loss_every_steps", 100, "steps between logs", least=1),
    Key("eval_every_steps", 1000, "steps between evaluations", least=1),
    Key("checkpoint_every_steps", 1000, "steps between checkpoints", least=1),
    Key(
        "profile_steps",
        "",
        "FIRST:LAST: the steps to profile, for TensorBoard or Perfetto; '': none",
    ),
    Key("report_examples", 256, "examples to rotate and measure for the report; 0: none", least=0),
)

OPEN_KEYS = tuple(key.name for key in KEYS if key.is_open)
