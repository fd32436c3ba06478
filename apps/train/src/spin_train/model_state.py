"""A model taken apart into what is trained, what is averaged, and what is constant."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax
from flax import nnx

PyTree = Any


@dataclasses.dataclass(frozen=True)
class ModelParts:
    """A model as a static structure and plain nested dicts of arrays.

    Plain dicts make the compiled step's own cost the whole cost of a call: passing `nnx` objects
    through `nnx.jit` costs ten times more.

    Attributes:
      graphdef: the structure, static and hashable.
      params: what is trained; float32 and complex64.
      batch_stats: running statistics.
      constants: all else. Tables of transforms are large: they are arguments of a compiled
        function, never constants inside it, and are neither differentiated nor saved. "rng_keys"
        holds the keys of random layers.
    """

    graphdef: nnx.GraphDef[nnx.Module]
    params: PyTree
    batch_stats: PyTree
    constants: dict[str, PyTree]

    def apply(
        self,
        params: PyTree,
        batch_stats: PyTree,
        constants: Mapping[str, PyTree],
        field: Mapping[int, jax.Array],
        *,
        step: jax.Array | None,
    ) -> tuple[Any, PyTree]:
        """Calls the model.

        Args:
          params: as `self.params`.
          batch_stats: as `self.batch_stats`.
          constants: as `self.constants`.
          field: spin weight to array (batch, lat, long, channel).
          step: number of the update in training: random layers draw anew at every step, and a
            resumed run draws the same. None in evaluation.

        Returns:
          The model's outputs, and the batch statistics after the call.
        """
        rng_keys = constants["rng_keys"]
        if step is not None:
            rng_keys = jax.tree.map(lambda key: _fold_in(key, step), rng_keys)
        model = self.merged(params, batch_stats, {**constants, "rng_keys": rng_keys})
        outputs = model(field, train=step is not None)
        return outputs, _plain(nnx.state(model, nnx.BatchStat))

    def merged(self, params: PyTree, batch_stats: PyTree, constants: Mapping[str, PyTree]) -> Any:
        """Returns the model put together again, of these arrays."""
        others = (constants["rng_keys"], constants["others"])
        return nnx.merge(self.graphdef, params, batch_stats, *others)


def split_model(model: nnx.Module) -> ModelParts:
    """Takes a model apart; its arrays stay where they are."""
    parts: tuple[Any, ...] = nnx.split(model, nnx.Param, nnx.BatchStat, nnx.RngKey, ...)
    graphdef, params, batch_stats, rng_keys, others = parts
    return ModelParts(
        graphdef,
        _plain(params),
        _plain(batch_stats),
        {"rng_keys": _plain(rng_keys), "others": _plain(others)},
    )


def parameter_count(params: PyTree) -> int:
    """Returns the number of trained numbers; a complex one counts once, as published."""
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))


def _plain(state: nnx.State) -> PyTree:
    return nnx.to_pure_dict(nnx.as_pure(state))


def _fold_in(keys: jax.Array, step: jax.Array) -> jax.Array:
    """Folds the step into a key, or into each of an array of keys."""
    folded = jax.vmap(jax.random.fold_in, in_axes=(0, None))(keys.reshape(-1), step)
    return folded.reshape(keys.shape)
