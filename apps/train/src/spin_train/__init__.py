"""Trains, evaluates and reports on spin-weighted spherical CNNs.

Models and datasets are found by name in `spin_registry`. Everything that the command line does is
also available from Python::

    import spin_train

    config = spin_train.load_config("digits")
    summary = spin_train.train(config, "runs/digits")
    spin_train.evaluate("runs/digits", dataset="digits/canonical")
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spin_train.configuration import load_config as load_config
    from spin_train.configuration import preset_names as preset_names
    from spin_train.errors import UserError as UserError
    from spin_train.inference.prediction import Prediction as Prediction
    from spin_train.inference.prediction import model_of_run as model_of_run
    from spin_train.inference.prediction import model_of_weights as model_of_weights
    from spin_train.inference.prediction import predict as predict
    from spin_train.inference.weights_export import export as export
    from spin_train.training.evaluation import evaluate as evaluate
    from spin_train.training.interruption import Interrupted as Interrupted
    from spin_train.training.run import train as train

_HOMES = {
    "Interrupted": "spin_train.training.interruption",
    "Prediction": "spin_train.inference.prediction",
    "UserError": "spin_train.errors",
    "evaluate": "spin_train.training.evaluation",
    "export": "spin_train.inference.weights_export",
    "load_config": "spin_train.configuration",
    "model_of_run": "spin_train.inference.prediction",
    "model_of_weights": "spin_train.inference.prediction",
    "predict": "spin_train.inference.prediction",
    "preset_names": "spin_train.configuration",
    "train": "spin_train.training.run",
}

__all__ = [
    "Interrupted",
    "Prediction",
    "UserError",
    "evaluate",
    "export",
    "load_config",
    "model_of_run",
    "model_of_weights",
    "predict",
    "preset_names",
    "train",
]

if not TYPE_CHECKING:  # a type checker is to find misspelled names

    def __getattr__(name: str) -> object:
        """Imports a public name's module on first use, so that `import spin_train` is fast."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib

        value = getattr(importlib.import_module(_HOMES[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
