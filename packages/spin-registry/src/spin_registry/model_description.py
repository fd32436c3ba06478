"""The description of a model from which it can be created again, with JSON conversion."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from spin_registry.errors import OptionError, RegistryError, one_line
from spin_registry.frozen_mapping import FrozenMapping
from spin_registry.grid_description import describe_grid, grid_from_description
from spin_registry.lookup import get_model
from spin_registry.specs import ClassSpec, FieldSpec

# What a factory raises for options of a wrong type or an absurd size.
_BAD_OPTIONS = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, MemoryError)


@dataclass(frozen=True)
class ModelDescription:
    """A registered model with its options, its input and its output.

    Attributes:
      model_name: the registered name.
      model_options: keyword arguments for the model's factory, JSON-serializable.
      input: the specification of the model's input.
      output: the specification of the model's output.
      class_names: names of the classes, in the order of the labels; empty if they are not known.
      images: how images become the input, as `spin_data.ImageReading.to_json` returns it; empty if
        that is not known, or the input is not made of images.

    Raises:
      TypeError: if `model_name`, `model_options`, `class_names` or `images` has the wrong type.
      ValueError: if there are names of classes, but not as many as classes.
    """

    model_name: str
    model_options: Mapping[str, Any]
    input: FieldSpec
    output: ClassSpec | FieldSpec
    class_names: tuple[str, ...] = ()
    images: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        name, options, classes = self.model_name, self.model_options, self.class_names
        if not isinstance(name, str):
            raise TypeError(f"model_name must be a string, not {name!r}")
        if not isinstance(options, Mapping) or not all(isinstance(o, str) for o in options):
            raise TypeError(f"model_options must map names to values, not {options!r}")
        if not isinstance(classes, list | tuple) or not all(isinstance(c, str) for c in classes):
            raise TypeError(f"class_names must be a list of strings, not {classes!r}")
        if not isinstance(self.images, Mapping):
            raise TypeError(f"images must map names to values, not {self.images!r}")
        if classes and isinstance(self.output, ClassSpec):
            number = self.output.num_classes
            if len(classes) != number:
                raise ValueError(f"class_names has {len(classes)} names for {number} classes")
        object.__setattr__(self, "model_options", FrozenMapping(options))
        object.__setattr__(self, "class_names", tuple(classes))
        object.__setattr__(self, "images", FrozenMapping(self.images))

    def create(self, rngs: Any) -> Any:
        """Creates the model, with new parameters.

        Args:
          rngs: the random streams for the parameters, a `flax.nnx.Rngs`.

        Raises:
          RegistryError: if the model is not registered, or does not accept its options.
        """
        try:
            return get_model(self.model_name).create(
                input=self.input, output=self.output, rngs=rngs, **self.model_options
            )
        except RegistryError:
            raise
        except _BAD_OPTIONS as error:
            raise OptionError(
                f"model {self.model_name!r} cannot be created with the options "
                f"{dict(self.model_options)}: {one_line(error)}"
            ) from error

    def sizes(self) -> tuple[int, ...]:
        """Returns the numbers that the sizes of the model's arrays may depend on.

        They are the integers among the options, the numbers of channels and of classes. The sizes
        of grids are not among them.
        """
        output = self.output
        outputs = (
            [output.num_classes] if isinstance(output, ClassSpec) else output.channels.values()
        )
        return (*_integers(dict(self.model_options)), *self.input.channels.values(), *outputs)

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
            "images": dict(self.images),
        }

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> "ModelDescription":
        """Makes a description from the result of `to_json`; further keys are ignored.

        Raises:
          ValueError: if a key is missing, or a value is malformed.
          RegistryError: if a grid's kind is not registered.
        """
        if not isinstance(described, Mapping):
            raise ValueError(f"not a description of a model: {described!r}")
        needed = ("model_name", "model_options", "input", "output")
        missing = [key for key in needed if key not in described]
        if missing:
            raise ValueError(f"not a description of a model: it lacks {', '.join(missing)}")
        try:
            return cls(
                described["model_name"],
                described["model_options"],
                _field_from_json("input", described["input"]),
                _output_from_json(described["output"]),
                described.get("class_names", ()),
                described.get("images", {}),
            )
        except RegistryError:
            raise
        except (TypeError, ValueError, ArithmeticError, RecursionError) as error:
            raise ValueError(f"not a description of a model: {error}") from error


def _spec_to_json(spec: ClassSpec | FieldSpec) -> dict[str, Any]:
    if isinstance(spec, ClassSpec):
        return {"num_classes": spec.num_classes}
    channels = {str(spin): count for spin, count in spec.channels.items()}
    return {"grid": describe_grid(spec.grid), "channels": channels}


def _field_from_json(key: str, described: Any) -> FieldSpec:
    if not isinstance(described, Mapping) or not {"grid", "channels"} <= set(described):
        raise ValueError(f"{key} must have a grid and channels, not {described!r}")
    written = described["channels"]
    try:
        channels = {int(spin): count for spin, count in written.items()}
    except (ValueError, AttributeError) as error:
        raise ValueError(
            f"{key}: channels is {written!r}, but must map spin weights to numbers, such as "
            "{'0': 1}"
        ) from error
    return FieldSpec(grid_from_description(described["grid"]), channels)


def _output_from_json(described: Any) -> ClassSpec | FieldSpec:
    if isinstance(described, Mapping) and "num_classes" in described:
        return ClassSpec(described["num_classes"])
    return _field_from_json("output", described)


def _integers(value: Any) -> Iterator[int]:
    """Yields the integers in a value of JSON, at any depth."""
    if isinstance(value, int) and not isinstance(value, bool):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _integers(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _integers(item)
