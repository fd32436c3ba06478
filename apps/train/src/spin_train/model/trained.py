"""A trained model on this process's own device, ready to call."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import jax

from spin_data import ImageReading
from spin_registry import ClassSpec, FieldSpec, ModelDescription
from spin_train.errors import blamed
from spin_train.model.functional import FunctionalModel, Variables

BATCH_SIZE = 32  # used for all calls of a trained model, so that one shape is compiled

Field = Mapping[int, jax.Array]

_softmax = jax.jit(jax.nn.softmax)


@dataclasses.dataclass(frozen=True)
class TrainedModel:
    """A model with its trained weights.

    Attributes:
      model: the model.
      variables: the trained arrays.
      description: the model's name, options, input, output and classes.
    """

    model: FunctionalModel
    variables: Variables
    description: ModelDescription

    @property
    def input(self) -> FieldSpec:
        """The specification of the model's input."""
        return self.description.input

    @property
    def images(self) -> ImageReading | None:
        """How the images of the training became inputs; None if that is not known."""
        described = self.description.images
        return ImageReading.from_json(described) if described else None

    @property
    def num_classes(self) -> int:
        """The number of classes that the model distinguishes."""
        output = self.description.output
        assert isinstance(output, ClassSpec)  # classification is the only task
        return output.num_classes

    def class_name(self, label: int) -> str:
        """Returns the name of a class, or its number if the names are not known."""
        names = self.description.class_names
        return names[label] if names else str(label)

    def logits(self, field: Field) -> jax.Array:
        """Returns the logits for a field in evaluation mode, (batch, num_classes)."""
        return self._compiled_logits(self.variables, dict(field))

    def probabilities(self, field: Field) -> jax.Array:
        """Returns the probability of each class for a field, (batch, num_classes)."""
        return _softmax(self.logits(field))

    @property
    def has_features(self) -> bool:
        """Whether the model has a method `features`, which returns the fields between layers."""
        return callable(getattr(self.model.module(self.variables), "features", None))

    def features(self, field: Field) -> dict[str, tuple[Any, dict[int, jax.Array]]]:
        """Calls the model's method `features`; returns (grid, field) by the layer's name."""
        found = self._compiled_features(self.variables, dict(field))
        return {name: (self._grids[name], fields) for name, fields in found.items()}

    @functools.cached_property
    def _compiled_logits(self) -> Any:
        return jax.jit(lambda variables, field: self.model.apply(variables, field, step=None)[0])

    @functools.cached_property
    def _grids(self) -> dict[str, Any]:
        return {}

    @functools.cached_property
    def _compiled_features(self) -> Any:
        def features(variables: Variables, field: Field) -> dict[str, dict[int, jax.Array]]:
            with blamed(self.model.origin):
                found = self.model.module(variables).features(field)
            # Grids are not arrays, so they are stored aside while the function is traced.
            self._grids.update({name: grid for name, (grid, _) in found.items()})
            return {name: dict(fields) for name, (_, fields) in found.items()}

        return jax.jit(features)
