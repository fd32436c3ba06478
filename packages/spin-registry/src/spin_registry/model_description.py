"""The description of a model from which it can be created again, with JSON conversion."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spin_registry.errors import RegistryError
from spin_registry.frozen_mapping import FrozenMapping
from spin_registry.grid_description import describe_grid, grid_from_description
from spin_registry.lookup import get_model
from spin_registry.specs import ClassSpec, FieldSpec


@dataclass(frozen=True)
class ModelDescription:
    """A registered model with its options, its input and its output.

    Attributes:
      model_name: the registered name.
      model_options: keyword arguments for the model's factory, JSON-serializable.
      input: the specification of the model's input.
      output: the specification of the model's output.
      class_names: names of the classes, in the order of the labels; empty if they are not known.
    """

    model_name: str
    model_options: Mapping[str, Any]
    input: FieldSpec
    output: ClassSpec | FieldSpec
    class_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "model_options", FrozenMapping(self.model_options))
        object.__setattr__(self, "class_names", tuple(self.class_names))

    def create(self, rngs: Any) -> Any:
        """Creates the model, with new parameters.

        Args:
          rngs: the random streams for the parameters, a `flax.nnx.Rngs`.

        Raises:
          RegistryError: if the model is not registered, or does not accept its options.
        """
        return get_model(self.model_name).create(
            input=self.input, output=self.output, rngs=rngs, **self.model_options
        )

    def to_json(self) -> dict[str, Any]:
        """Returns the description as a JSON-serializable dictionary.

        Raises:
          ValueError: if a grid's kind is not registered.
        """
        return {
            "model_name": self.model_name,
            "model_options": dict(self.model_options),
            "input": _spec_to_json(self.input),
            "output": _spec_to_json(self.output),
            "class_names": list(self.class_names),
        }

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> "ModelDescription":
        """Makes a description from the result of `to_json`; further keys are ignored.

        Raises:
          ValueError: if a key is missing, or a value is malformed.
          RegistryError: if a grid's kind is not registered.
        """
        needed = ("model_name", "model_options", "input", "output")
        missing = [key for key in needed if key not in described]
        if missing:
            raise ValueError(f"not a description of a model: it lacks {', '.join(missing)}")
        try:
            return cls(
                described["model_name"],
                described["model_options"],
                _field_from_json(described["input"]),
                _output_from_json(described["output"]),
                tuple(described.get("class_names", ())),
            )
        except (KeyError, TypeError, AttributeError) as error:
            if isinstance(error, RegistryError):
                raise
            raise ValueError(f"not a description of a model: {error!r}") from error


def _spec_to_json(spec: ClassSpec | FieldSpec) -> dict[str, Any]:
    if isinstance(spec, ClassSpec):
        return {"num_classes": spec.num_classes}
    channels = {str(spin): count for spin, count in spec.channels.items()}
    return {"grid": describe_grid(spec.grid), "channels": channels}


def _field_from_json(described: Mapping[str, Any]) -> FieldSpec:
    written = described["channels"]
    try:
        channels = {int(spin): count for spin, count in written.items()}
    except ValueError as error:
        raise ValueError(
            f"not a description of a model: channels is {written!r}, whose keys are no spin weights"
        ) from error
    return FieldSpec(grid_from_description(described["grid"]), channels)


def _output_from_json(described: Mapping[str, Any]) -> ClassSpec | FieldSpec:
    if "num_classes" in described:
        return ClassSpec(described["num_classes"])
    return _field_from_json(described)
