"""Represents a Flax module as a static structure and its arrays."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax
from flax import nnx

from spin_train.errors import blamed

PyTree = Any


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Variables:
    """All arrays of a model, as nested dicts.

    Attributes:
      params: the trained parameters; float32 and complex64.
      batch_stats: the running statistics.
      constants: all other arrays. They are neither differentiated nor saved. The tables of
        transforms are large, so they are arguments of the compiled functions, never constants
        inside them. "rng_keys" holds the keys of random layers.
    """

    params: PyTree
    batch_stats: PyTree
    constants: Mapping[str, PyTree]


@dataclasses.dataclass(frozen=True)
class FunctionalModel:
    """A model as a function of its variables.

    The variables are plain dicts, so a call costs hardly more than the compiled step itself.
    Passing `nnx` objects through `nnx.jit` costs ten times more.

    Attributes:
      graphdef: the static structure, which is hashable.
      variables: the arrays that the model was created with.
      origin: the model's name and plugin, which exceptions of its code name.
    """

    graphdef: nnx.GraphDef[nnx.Module]
    variables: Variables
    origin: str = "the model"

    def apply(
        self, variables: Variables, field: Mapping[int, jax.Array], *, step: jax.Array | None
    ) -> tuple[Any, PyTree]:
        """Calls the model.

        Args:
          variables: arrays with the structure of `self.variables`.
          field: maps each spin weight to an array (batch, lat, long, channel).
          step: number of the update in training; None in evaluation. Random layers use it, so they
            draw different numbers at every step, and a resumed run draws the same numbers.

        Returns:
          The model's outputs, and the batch statistics after the call.
        """
        rng_keys = variables.constants["rng_keys"]
        if step is not None:
            rng_keys = jax.tree.map(lambda key: _fold_in(key, step), rng_keys)
        constants = {**variables.constants, "rng_keys": rng_keys}
        model = self.module(dataclasses.replace(variables, constants=constants))
        with blamed(self.origin):
            outputs = model(field, train=step is not None)
        return outputs, _plain(nnx.state(model, nnx.BatchStat))

    def module(self, variables: Variables) -> Any:
        """Returns the Flax module with these arrays."""
        others = (variables.constants["rng_keys"], variables.constants["others"])
        return nnx.merge(self.graphdef, variables.params, variables.batch_stats, *others)


def functional_model(model: nnx.Module, origin: str = "the model") -> FunctionalModel:
    """Splits a module into its structure and its arrays, which stay on their devices."""
    split: tuple[Any, ...] = nnx.split(model, nnx.Param, nnx.BatchStat, nnx.RngKey, ...)
    graphdef, params, batch_stats, rng_keys, others = split
    constants = {"rng_keys": _plain(rng_keys), "others": _plain(others)}
    variables = Variables(_plain(params), _plain(batch_stats), constants)
    return FunctionalModel(graphdef, variables, origin)


def parameter_count(params: PyTree) -> int:
    """Returns the number of parameters; a complex parameter counts once, as published."""
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))


def _plain(state: nnx.State) -> PyTree:
    return nnx.to_pure_dict(nnx.as_pure(state))


def _fold_in(keys: jax.Array, step: jax.Array) -> jax.Array:
    """Folds the step into a key, or into each key of an array."""
    folded = jax.vmap(jax.random.fold_in, in_axes=(0, None))(keys.reshape(-1), step)
    return folded.reshape(keys.shape)
