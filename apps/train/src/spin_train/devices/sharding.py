"""Places arrays: batches are divided over the devices of all processes, all else is copied."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

PyTree = Any

AXIS = "data"  # the mesh's only axis


def data_mesh(devices: Sequence[jax.Device] | None = None) -> Mesh:
    """Returns a mesh with one axis, "data"; by default of all devices of all processes."""
    devices = jax.devices() if devices is None else devices
    return jax.make_mesh((len(devices),), (AXIS,), axis_types=(AxisType.Auto,), devices=devices)


def replicated(mesh: Mesh) -> NamedSharding:
    """Returns the sharding that puts a copy on every device."""
    return NamedSharding(mesh, PartitionSpec())


def replicate(tree: PyTree, mesh: Mesh) -> PyTree:
    """Copies arrays to every device; all processes must pass the same values."""
    # Not device_put, which cannot copy random keys to devices of other processes.
    return jax.jit(lambda arrays: arrays, out_shardings=replicated(mesh))(tree)


def shard_batch(batch: Mapping[str, Any], mesh: Mesh) -> dict[str, Any]:
    """Divides a batch over the devices, along its leading axis.

    Args:
      batch: nested dicts of this process's share of the batch, arrays (local batch, ...).
      mesh: a mesh with one axis.

    Returns:
      Nested dicts of global arrays (batch, ...).
    """
    sharding = NamedSharding(mesh, PartitionSpec(*mesh.axis_names))
    return jax.tree.map(
        lambda local: jax.make_array_from_process_local_data(sharding, local), dict(batch)
    )
