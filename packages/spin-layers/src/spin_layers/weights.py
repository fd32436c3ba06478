"""A model's weights as a file of safetensors: named arrays, and what they belong to.

Arrays are named by their path, "params.blocks.0.convolution.kernel" or "batch_stats.norm.mean".
Complex ones are held as pairs of real numbers on a last axis: safetensors 0.5 has no complex
numbers. The header lists them.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

PyTree = Any

_KINDS = {"params": nnx.Param, "batch_stats": nnx.BatchStat}
_FORMAT = "spin-weights/1"


@dataclasses.dataclass(frozen=True)
class Weights:
    """What a file of weights holds.

    Attributes:
      arrays: by name; float or complex.
      metadata: what was written with them.
    """

    arrays: dict[str, np.ndarray]
    metadata: dict[str, Any]


def write_weights(
    path: str | os.PathLike[str],
    model: nnx.Module | Mapping[str, PyTree],
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Writes a model's parameters and batch statistics, all at once or not at all.

    Args:
      path: the file; what is there is replaced.
      model: the model, or its "params" and "batch_stats" as nested dicts.
      metadata: what else is to be known of it, as JSON can hold it.

    Raises:
      OSError: the file cannot be written; what was there before is there still.
    """
    from safetensors.numpy import save

    trees = model if isinstance(model, Mapping) else _trees(model)
    arrays, complex_names = {}, []
    for name, leaf in _flat(trees).items():
        array = np.ascontiguousarray(jax.device_get(leaf))
        if np.iscomplexobj(array):
            complex_names.append(name)
            array = np.stack([array.real, array.imag], axis=-1)
        arrays[name] = array
    header = {
        "format": _FORMAT,
        "complex": json.dumps(sorted(complex_names)),
        "metadata": json.dumps(dict(metadata or {})),
    }
    target = Path(path)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(save(arrays, metadata=header))
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def read_weights(path: str | os.PathLike[str]) -> Weights:
    """Reads a file that `write_weights` wrote.

    Args:
      path: the file.

    Raises:
      FileNotFoundError: there is none.
      ValueError: it holds something else, or is damaged.
    """
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise FileNotFoundError(f"no file of weights at {os.fspath(path)!r}")
    try:
        with safe_open(os.fspath(path), framework="numpy") as file:
            header = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ValueError(
            f"{os.fspath(path)!r} is no intact file of safetensors: {error}"
        ) from error
    if header.get("format") != _FORMAT:
        raise ValueError(
            f"{os.fspath(path)!r} has format {header.get('format')!r}, expected {_FORMAT!r}: it "
            "was not written by spin_layers.write_weights, or by a newer one"
        )
    try:
        for name in json.loads(header["complex"]):
            arrays[name] = arrays[name][..., 0] + 1j * arrays[name][..., 1]
        return Weights(arrays, dict(json.loads(header["metadata"])))
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ValueError(f"{os.fspath(path)!r} has a damaged header: {error!r}") from error


def fill_weights(model: nnx.Module, weights: Weights) -> None:
    """Gives a model the parameters and batch statistics of a file.

    Args:
      model: of the same structure; changed in place.
      weights: as `read_weights` returns them.

    Raises:
      ValueError: names or shapes differ; the model is as it was.
    """
    filled, strange, reshaped = replaced_weights(_trees(model), weights)
    if left := strange + reshaped:
        raise ValueError(
            f"the weights do not fit this model: {', '.join(left[:3])}"
            f"{' and others' if len(left) > 3 else ''}; make it with the options that they were "
            "trained with"
        )
    for kind, tree in filled.items():
        state = nnx.state(model, _KINDS[kind])
        nnx.replace_by_pure_dict(state, tree)
        nnx.update(model, state)


def replaced_weights(
    trees: Mapping[str, PyTree], weights: Weights
) -> tuple[dict[str, PyTree], tuple[str, ...], tuple[str, ...]]:
    """Replaces the arrays of a model's trees by those of a file that have their name and shape.

    Args:
      trees: "params" and "batch_stats" as nested dicts.
      weights: as `read_weights` returns them.

    Returns:
      The trees, each array of the dtype that it had; a description of each array that only one of
      the two has, or that is complex in the file alone; and of each that has another shape there:
      "params.head.bias has shape (10,), the file's (26,)".
    """
    own = _flat(trees)
    strange = [f"{name} is not in the model" for name in weights.arrays if name not in own]
    reshaped = []
    new = {}
    for name, leaf in own.items():
        array = weights.arrays.get(name)
        if array is None:
            strange.append(f"{name} is not in the file")
        elif array.shape != leaf.shape:
            reshaped.append(f"{name} has shape {tuple(leaf.shape)}, the file's {array.shape}")
        elif np.iscomplexobj(array) and not jnp.iscomplexobj(leaf):
            strange.append(f"{name} is real, the file's complex")
        else:
            new[name] = jnp.asarray(array, leaf.dtype)
    return _with_leaves(trees, new), tuple(strange), tuple(reshaped)


def _trees(model: nnx.Module) -> dict[str, PyTree]:
    return {
        kind: nnx.to_pure_dict(nnx.as_pure(nnx.state(model, variable)))
        for kind, variable in _KINDS.items()
    }


def _flat(trees: Mapping[Any, Any], prefix: str = "") -> dict[str, Any]:
    leaves: dict[str, Any] = {}
    for key, value in trees.items():
        if isinstance(value, Mapping):
            leaves |= _flat(value, f"{prefix}{key}.")
        else:
            leaves[f"{prefix}{key}"] = value
    return leaves


def _with_leaves(trees: Mapping[Any, Any], new: Mapping[str, Any], prefix: str = "") -> Any:
    return {
        key: _with_leaves(value, new, f"{prefix}{key}.")
        if isinstance(value, Mapping)
        else new.get(f"{prefix}{key}", value)
        for key, value in trees.items()
    }
