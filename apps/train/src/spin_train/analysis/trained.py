"""A trained model on this process's own device, to be looked at."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import jax

from spin_registry import ClassSpec, FieldSpec
from spin_train.model_state import ModelParts

BATCH_SIZE = 32  # of all that looks at a model: one shape is compiled

Field = Mapping[int, jax.Array]


@dataclasses.dataclass(frozen=True)
class TrainedModel:
    """A model with its weights.

    Attributes:
      parts: the model.
      params: its trained parameters.
      batch_stats: its running statistics.
      input: the fields that it takes.
      output: the classes that it tells apart.
      class_names: what they are called; empty if nobody said.
    """

    parts: ModelParts
    params: Any
    batch_stats: Any
    input: FieldSpec
    output: ClassSpec
    class_names: tuple[str, ...] = ()

    def logits(self, field: Field) -> jax.Array:
        """Returns the outputs for a field, (batch, num_classes), in evaluation."""
        return self._compiled_logits(*self._arrays, dict(field))

    @property
    def has_features(self) -> bool:
        """Whether the model shows the fields between its layers, by a method `features`."""
        return callable(getattr(self.parts.merged(*self._arrays), "features", None))

    def features(self, field: Field) -> dict[str, tuple[Any, dict[int, jax.Array]]]:
        """Returns what the model's own `features` does: (grid, field) by the layer's name."""
        found = self._compiled_features(*self._arrays, dict(field))
        return {name: (self._grids[name], fields) for name, fields in found.items()}

    def class_name(self, label: int) -> str:
        """Returns what a class is called."""
        return self.class_names[label] if self.class_names else str(label)

    @property
    def _arrays(self) -> tuple[Any, Any, Any]:
        """Arguments of the compiled functions: tables are no constants within them."""
        return self.params, self.batch_stats, self.parts.constants

    @functools.cached_property
    def _compiled_logits(self) -> Any:
        return jax.jit(lambda *arguments: self.parts.apply(*arguments, step=None)[0])

    @functools.cached_property
    def _grids(self) -> dict[str, Any]:
        return {}

    @functools.cached_property
    def _compiled_features(self) -> Any:
        def features(
            params: Any, batch_stats: Any, constants: Any, field: Field
        ) -> dict[str, dict[int, jax.Array]]:
            found = self.parts.merged(params, batch_stats, constants).features(field)
            # Grids are no arrays: they leave while the function is traced.
            self._grids.update({name: grid for name, (grid, _) in found.items()})
            return {name: dict(fields) for name, (_, fields) in found.items()}

        return jax.jit(features)
