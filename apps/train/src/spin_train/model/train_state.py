"""The training state: everything that an update changes."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from spin_train.model.functional import FunctionalModel, PyTree, Variables


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainState:
    """Everything that changes during training, which is also what a checkpoint contains.

    Attributes:
      step: number of updates made, int32.
      params: the model's parameters.
      batch_stats: the model's running statistics.
      optimizer_state: the state of the Optax optimizer.
    """

    step: jax.Array
    params: PyTree
    batch_stats: PyTree
    optimizer_state: PyTree

    def variables(self, constants: Mapping[str, Any]) -> Variables:
        """Returns the model's variables in this state."""
        return Variables(self.params, self.batch_stats, constants)

    def host_variables(self, model: FunctionalModel) -> Variables:
        """Returns this state's arrays in memory, with the constants of a model."""
        params, batch_stats = jax.device_get((self.params, self.batch_stats))
        return Variables(params, batch_stats, model.variables.constants)


def initial_state(model: FunctionalModel, optimizer: optax.GradientTransformation) -> TrainState:
    """Returns the state before the first update."""
    variables = model.variables
    return TrainState(
        jnp.zeros((), jnp.int32),
        variables.params,
        variables.batch_stats,
        optimizer.init(variables.params),
    )
