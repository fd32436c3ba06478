"""Several processes, on one host or many, with JAX's distributed runtime."""

import os

import jax
import numpy as np

from spin_train.devices.launch import Launch
from spin_train.errors import ConfigurationError


def join_processes(launch: Launch | None = None) -> None:
    """Joins the other processes of a run, if there are any.

    There are other processes if the launch or the environment names a coordinator, if Slurm or
    Open MPI started more than one process, or if `launch.distributed` is set.

    Args:
      launch: options from the command line; missing ones are taken from the environment.

    Raises:
      ConfigurationError: if the options are inconsistent, or the other processes cannot be joined.
    """
    launch = (launch or Launch()).completed(os.environ)
    if not launch.has_others or jax.distributed.is_initialized():
        return
    try:
        jax.distributed.initialize(
            launch.coordinator or None,
            num_processes=launch.num_processes,
            process_id=launch.process_id,
            local_device_ids=launch.local_device,
            # The first process writes the report while the others wait for it.
            shutdown_timeout_seconds=3600,
        )
        # The first collective operation sets up connections, with a short timeout. It is made now,
        # while the processes are at the same point: compilations end at different times.
        largest_of_all(0)
    except (ValueError, RuntimeError) as error:
        raise ConfigurationError(
            f"cannot join the other processes: {' '.join(str(error).split())}"
        ) from error


def is_first_process() -> bool:
    """Returns whether this is the process that writes the run's files."""
    return jax.process_index() == 0


def largest_of_all(number: int) -> int:
    """Returns the largest of all processes' numbers; every process must call this."""
    if jax.process_count() == 1:
        return number
    from jax.experimental import multihost_utils

    return int(np.max(multihost_utils.process_allgather(np.int32(number))))
