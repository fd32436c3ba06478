"""Where arrays live: batches are spread over all devices of all processes, the rest is copied."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

PyTree = Any

AXIS = "data"  # the mesh's only axis


def data_mesh(devices: Sequence[jax.Device] | None = None) -> Mesh:
    """Returns devices in one row, the axis "data"; by default all those of all processes."""
    devices = jax.devices() if devices is None else devices
    return jax.make_mesh((len(devices),), (AXIS,), axis_types=(AxisType.Auto,), devices=devices)


def replicated(mesh: Mesh) -> NamedSharding:
    """Returns the sharding of what every device holds a copy of."""
    return NamedSharding(mesh, PartitionSpec())


def replicate(tree: PyTree, mesh: Mesh) -> PyTree:
    """Copies arrays to every device; each process passes the same values."""
    # Not device_put: it takes no random keys to devices of other processes.
    return jax.jit(lambda arrays: arrays, out_shardings=replicated(mesh))(tree)


def shard_batch(batch: Mapping[str, Any], mesh: Mesh) -> dict[str, Any]:
    """Spreads a batch along its leading axis.

    Args:
      batch: nested dicts of this process's part of the batch, each array (local batch, ...).
      mesh: of one axis.

    Returns:
      The same of global arrays (batch, ...).
    """
    sharding = NamedSharding(mesh, PartitionSpec(*mesh.axis_names))
    return jax.tree.map(
        lambda local: jax.make_array_from_process_local_data(sharding, local), dict(batch)
    )
