"""Reads and writes a model's weights as a safetensors file with metadata.

An array's name is its path in the model, for example "params.blocks.0.convolution.kernel" or
"batch_stats.norm.mean". safetensors 0.5 has no complex dtype. A complex array is therefore stored
as real numbers with a last axis of (real, imaginary), and the header lists the names of these
arrays.
"""

from __future__ import annotations

import contextlib
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
    """The contents of a weights file.

    Attributes:
      arrays: mapping from name to a float or complex array.
      metadata: the metadata that was written with the arrays.
    """

    arrays: dict[str, np.ndarray]
    metadata: dict[str, Any]


def write_weights(
    path: str | os.PathLike[str],
    model: nnx.Module | Mapping[str, PyTree],
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Writes a model's parameters and batch statistics to a file.

    The file is written under a temporary name and then renamed, so it is never incomplete.

    Args:
      path: the file; an existing file is replaced.
      model: the model, or its "params" and "batch_stats" as nested dicts.
      metadata: further information about the model; it must be JSON-serializable.

    Raises:
      OSError: the file cannot be written; an existing file is left unchanged.
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
    except OSError as error:
        if error.filename != str(partial):
            raise
        # Users know the target's name, not the temporary one.
        raise OSError(error.errno, error.strerror, str(target)) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def read_weights(path: str | os.PathLike[str]) -> Weights:
    """Reads a file that `write_weights` wrote.

    Args:
      path: the file.

    Raises:
      FileNotFoundError: the file does not exist.
      ValueError: the file is damaged, or was not written by `write_weights`.
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
            f"{os.fspath(path)!r} has format {header.get('format')!r}, expected {_FORMAT!r}: the "
            "file was not written by spin_layers.write_weights, or by a newer version of it"
        )
    try:
        for name in json.loads(header["complex"]):
            arrays[name] = arrays[name][..., 0] + 1j * arrays[name][..., 1]
        return Weights(arrays, dict(json.loads(header["metadata"])))
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ValueError(f"{os.fspath(path)!r} has a damaged header: {error!r}") from error


def fill_weights(model: nnx.Module, weights: Weights) -> None:
    """Replaces a model's parameters and batch statistics by those of a weights file.

    Args:
      model: a model whose arrays have the same names and shapes; it is changed in place.
      weights: the result of `read_weights`.

    Raises:
      ValueError: names or shapes differ; the model is left unchanged.
    """
    filled, unmatched, mismatched = replaced_weights(_trees(model), weights)
    if left := unmatched + mismatched:
        raise ValueError(
            f"the weights do not fit this model: {', '.join(left[:3])}"
            f"{' and others' if len(left) > 3 else ''}; create the model with the options that "
            "the weights were trained with"
        )
    for kind, tree in filled.items():
        state = nnx.state(model, _KINDS[kind])
        nnx.replace_by_pure_dict(state, tree)
        nnx.update(model, state)


def replaced_weights(
    trees: Mapping[str, PyTree], weights: Weights
) -> tuple[dict[str, PyTree], tuple[str, ...], tuple[str, ...]]:
    """Replaces a model's arrays by the arrays of a weights file with the same name and shape.

    Args:
      trees: "params" and "batch_stats" as nested dicts.
      weights: the result of `read_weights`.

    Returns:
      A tuple of three:

      - the trees; every array keeps the dtype that it had in the model.
      - unmatched arrays, one description each: the name is missing in the model or in the file, or
        the array is complex in the file and real in the model.
      - arrays of another shape, one description each: "params.head.bias has shape (10,), the file's
        (26,)".
    """
    own = _flat(trees)
    unmatched = [f"{name} is not in the model" for name in weights.arrays if name not in own]
    mismatched = []
    new = {}
    for name, leaf in own.items():
        array = weights.arrays.get(name)
        if array is None:
            unmatched.append(f"{name} is not in the file")
        elif array.shape != leaf.shape:
            mismatched.append(f"{name} has shape {tuple(leaf.shape)}, the file's {array.shape}")
        elif np.iscomplexobj(array) and not jnp.iscomplexobj(leaf):
            unmatched.append(f"{name} is real, the file's complex")
        else:
            new[name] = jnp.asarray(array, leaf.dtype)
    return _with_leaves(trees, new), tuple(unmatched), tuple(mismatched)


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
