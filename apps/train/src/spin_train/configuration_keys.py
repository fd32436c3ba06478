"""Every key of a configuration: its default, what it means, and the values that it takes."""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Key:
    """One key.

    Attributes:
      name: as published, where there is a published one.
      default: its default, which also gives its type; a dict for options of any names.
      help: what it means.
      least: the smallest value, for a number.
      or_minus_one: whether -1 is allowed beside it.
      choices: the allowed words.
    """

    name: str
    default: Any
    help: str
    least: float | None = None
    or_minus_one: bool = False
    choices: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether it holds options of any names, which a plugin checks."""
        return isinstance(self.default, dict)


KEYS = (
    # What is trained, on what. Names are the registry's: `spin-list` shows them.
    Key("model_name", "spin_classifier_6_layers", "the registered model"),
    Key("dataset", "spherical_mnist/rotated", "the registered dataset to train on"),
    Key("eval_dataset", "", "evaluate on another dataset; '': on the same"),
    Key("model_options", {}, "arguments of the model's factory"),
    Key("dataset_options", {}, "arguments of both datasets' loaders"),
    Key(
        "combine_train_val_and_eval_on_test",
        False,
        "False: train on 'train', evaluate on 'validation'; True: train on both, test at the end",
    ),
    Key("initial_weights", "", "fine-tuning: start from this file, which spin-export wrote"),
    Key("seed", 42, "of the initial parameters and the order of the data", least=0),
    Key("trial", 0, "a label for repeats; changes nothing else"),
    # Optimization: Adam.
    Key("learning_rate", 0.001, "for a global batch of 32, and scaled with it", least=0),
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
    Key("gradient_clip_norm", 0.0, "longer gradients are scaled to this norm; 0: never", least=0),
    Key(
        "gradient_accumulation_steps",
        1,
        "microbatches per step, to save memory; batch statistics are then those of a microbatch",
        least=1,
    ),
    Key("num_epochs", 12, "passes over the training data", least=1),
    Key(
        "num_train_steps",
        -1,
        "updates; -1: num_epochs decides; otherwise the schedule is fitted to num_epochs",
        least=1,
        or_minus_one=True,
    ),
    Key("per_device_batch_size", 32, "examples per step and device", least=1),
    Key("shuffle_buffer_size", 1000, "accepted and unused: the shuffle is global"),
    # Data.
    Key("augment_rotation", False, "rotate training examples randomly each time they are seen"),
    Key(
        "data_placement",
        "auto",
        "where records are held: files, memory, each device; auto: the fastest with room",
        choices=("auto", "disk", "memory", "device"),
    ),
    Key("data_threads", 2, "threads that read ahead", least=0),
    Key(
        "data_workers",
        0,
        "processes that read ahead instead, from disk; they start slowly",
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
    Key("eval_pad_last_batch", True, "False: an incomplete last batch is left out"),
    # How often, in steps.
    Key("log_loss_every_steps", 100, "steps between logs", least=1),
    Key("eval_every_steps", 1000, "steps between evaluations", least=1),
    Key("checkpoint_every_steps", 1000, "steps between checkpoints", least=1),
    Key(
        "profile_steps",
        "",
        "FIRST:LAST: profile these steps, for TensorBoard or Perfetto; '': none",
    ),
    Key("report_examples", 256, "examples that the report rotates and measures; 0: none", least=0),
)

OPEN_KEYS = tuple(key.name for key in KEYS if key.is_open)
