"""Reads and writes a model's weights as a safetensors file with metadata.

An array's name is its path in the model, for example "params.blocks.0.convolution.kernel" or
"batch_stats.norm.mean". safetensors 0.5 has no complex dtype. A complex array is therefore stored
as real numbers with a last axis of (real, imaginary), and the header lists the names of these
arrays. The header also has a checksum of the arrays and of all other entries of the header.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from spin_layers.running_statistics import MANY_UPDATES, UPDATES

PyTree = Any

_KINDS = {"params": nnx.Param, "batch_stats": nnx.BatchStat}
_FORMAT = "spin-weights/1"
_CHECKSUM = "checksum"


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
        array = np.asarray(jax.device_get(leaf), order="C")
        if np.iscomplexobj(array):
            complex_names.append(name)
            array = np.stack([array.real, array.imag], axis=-1)
        arrays[name] = array
    header = {
        "format": _FORMAT,
        "complex": json.dumps(sorted(complex_names)),
        "metadata": json.dumps(dict(metadata or {})),
    }
    header[_CHECKSUM] = _checksum(arrays, header)
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

    Files that earlier versions wrote have no checksum. They are read with a warning.

    Args:
      path: the file.

    Raises:
      FileNotFoundError: the file does not exist.
      ValueError: the file is damaged, its content is not what was written, or it was not written by
        `write_weights`.
    """
    from safetensors import SafetensorError, safe_open

    name = repr(os.fspath(path))
    if not Path(path).is_file():
        raise FileNotFoundError(f"no file of weights at {name}")
    try:
        with safe_open(os.fspath(path), framework="numpy") as file:
            header = file.metadata() or {}
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    # The last three: dtypes that NumPy lacks.
    except (SafetensorError, OSError, MemoryError, TypeError, AttributeError, KeyError) as error:
        raise ValueError(f"{name} is no intact file of safetensors: {error}") from error
    if header.get("format") != _FORMAT:
        raise ValueError(
            f"{name} has format {header.get('format')!r}, expected {_FORMAT!r}: the file was not "
            "written by spin_layers.write_weights, or by a newer version of it"
        )
    if _CHECKSUM not in header:
        if others := sorted(set(header) - {"format", "complex", "metadata"}):
            raise ValueError(f"{name} has a damaged header: it lacks a checksum, but has {others}")
        warnings.warn(
            f"{name} has no checksum, so damage inside it would not be noticed: an older version "
            "wrote it; write it again with spin-export or spin_layers.write_weights",
            stacklevel=2,
        )
    elif header[_CHECKSUM] != _checksum(arrays, header):
        raise ValueError(
            f"{name} is damaged: its checksum is not that of its content; copy or export it again"
        )
    try:
        for pairs in json.loads(header["complex"]):
            arrays[pairs] = _as_complex(arrays[pairs])
        return Weights(arrays, dict(json.loads(header["metadata"])))
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{name} has a damaged header: {error!r}") from error


def create_with_weights(
    create: Callable[[], nnx.Module], weights: Weights, sizes: Iterable[int] = ()
) -> nnx.Module:
    """Creates a model, and replaces its arrays by those of a weights file.

    A size beyond every axis of the file's arrays, such as a number of classes that damage changed,
    could take all memory. In this case, the shapes of the model's arrays are computed and compared
    first, without making the arrays.

    Args:
      create: creates the model.
      weights: the result of `read_weights`.
      sizes: the numbers that determine how large the model is, such as channels and classes.

    Returns:
      The model, with the parameters and batch statistics of the file.

    Raises:
      ValueError: names or shapes of the arrays differ, or the model does not fit into memory.
      Exception: any error that `create` raises.
    """
    largest = max(
        (length for array in weights.arrays.values() for length in array.shape), default=0
    )
    if any(size > largest for size in sizes):
        try:
            abstract = nnx.eval_shape(create)
        except Exception as error:
            # A factory that needs the values of its arrays can only be called as it is.
            if not _is_of_tracing(error):
                raise
        else:
            _check_fit(_trees(abstract), weights)
    try:
        model = create()
    except MemoryError as error:
        raise ValueError("the model needs more memory than there is") from error
    if not isinstance(model, nnx.Module):
        raise ValueError(f"the model's factory returned {model!r:.80}, no flax.nnx.Module")
    fill_weights(model, weights)
    return model


def fill_weights(model: nnx.Module, weights: Weights) -> None:
    """Replaces a model's parameters and batch statistics by those of a weights file.

    Args:
      model: a model whose arrays have the same names and shapes; it is changed in place.
      weights: the result of `read_weights`.

    Raises:
      ValueError: names or shapes differ; the model is left unchanged.
    """
    trees = _trees(model)
    _check_fit(trees, weights)
    filled, _, _ = replaced_weights(trees, weights)
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
        the model's dtype cannot represent the file's values, as real cannot complex ones.
      - arrays of another shape, one description each: "params.head.bias has shape (10,), the file's
        (26,)".
    """
    unmatched, mismatched = _differences(trees, weights)
    new = {
        name: jnp.asarray(weights.arrays.get(name, MANY_UPDATES), leaf.dtype)
        for name, leaf in _flat(trees).items()
        if name not in unmatched and name not in mismatched
    }
    return _with_leaves(trees, new), tuple(unmatched.values()), tuple(mismatched.values())


def _is_update_count(name: str) -> bool:
    """Whether an array counts updates of running statistics.

    Files of older versions lack it. They are taken to have had many updates, because their running
    statistics were used as they are.
    """
    return name.startswith("batch_stats.") and name.endswith(f".{UPDATES}")


def _differences(
    trees: Mapping[str, PyTree], weights: Weights
) -> tuple[dict[str, str], dict[str, str]]:
    """Returns the unmatched arrays and those of another shape: descriptions by name."""
    own = _flat(trees)
    unmatched = {name: f"{name} is not in the model" for name in weights.arrays if name not in own}
    mismatched = {}
    for name, leaf in own.items():
        array = weights.arrays.get(name)
        if array is None and _is_update_count(name):
            continue
        if array is None:
            unmatched[name] = f"{name} is not in the file"
        elif array.shape != leaf.shape:
            mismatched[name] = f"{name} has shape {tuple(leaf.shape)}, the file's {array.shape}"
        elif np.iscomplexobj(array) and not jnp.issubdtype(leaf.dtype, jnp.complexfloating):
            unmatched[name] = f"{name} is real, the file's complex"
        elif array.dtype.kind not in "fc" and jnp.issubdtype(leaf.dtype, jnp.inexact):
            unmatched[name] = f"{name} is {leaf.dtype}, the file's {array.dtype}"
    return unmatched, mismatched


def _check_fit(trees: Mapping[str, PyTree], weights: Weights) -> None:
    unmatched, mismatched = _differences(trees, weights)
    if left := [*unmatched.values(), *mismatched.values()]:
        raise ValueError(
            f"the weights do not fit this model: {', '.join(left[:3])}"
            f"{' and others' if len(left) > 3 else ''}; create the model with the options that "
            "the weights were trained with"
        )


def _is_of_tracing(error: BaseException | None) -> bool:
    """Whether JAX raised the error, or its cause, because a value was needed in a trace."""
    while error is not None:
        if isinstance(error, jax.errors.JAXTypeError):
            return True
        error = error.__cause__
    return False


def _checksum(arrays: Mapping[str, np.ndarray], header: Mapping[str, str]) -> str:
    """Returns a SHA-256 of the stored arrays and of the header without its checksum."""
    described = {key: value for key, value in header.items() if key != _CHECKSUM}
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        digest.update(json.dumps([name, array.dtype.name, array.shape]).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _as_complex(pairs: np.ndarray) -> np.ndarray:
    if pairs.dtype.kind != "f" or pairs.shape[-1:] != (2,):
        raise ValueError(f"{pairs.dtype} of shape {pairs.shape} are no pairs of (real, imaginary)")
    return pairs[..., 0] + 1j * pairs[..., 1]


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
