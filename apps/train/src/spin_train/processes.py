"""Several processes, on one host or many, under JAX's own distributed runtime."""

import os

import jax

from spin_train.errors import ConfigurationError


def join_processes() -> None:
    """Joins the other processes of a run, if the environment names a coordinator.

    Every process runs the same command with `JAX_COORDINATOR_ADDRESS` set to host:port of the
    first one. Under a launcher that JAX knows (Slurm, Open MPI, Kubernetes) that is all; elsewhere
    `JAX_NUM_PROCESSES` and `JAX_PROCESS_ID` say the rest.

    Raises:
      ConfigurationError: if one of the two numbers is not a number, or only one is set.
    """
    if "JAX_COORDINATOR_ADDRESS" not in os.environ:
        return
    numbers = {}
    for name in ("JAX_NUM_PROCESSES", "JAX_PROCESS_ID"):
        word = os.environ.get(name)
        if word is not None and not word.isdecimal():
            raise ConfigurationError(f"{name} expects a number, got {word!r}")
        numbers[name] = None if word is None else int(word)
    if (numbers["JAX_NUM_PROCESSES"] is None) != (numbers["JAX_PROCESS_ID"] is None):
        raise ConfigurationError("set both JAX_NUM_PROCESSES and JAX_PROCESS_ID, or neither")
    if not jax.distributed.is_initialized():
        jax.distributed.initialize(
            num_processes=numbers["JAX_NUM_PROCESSES"], process_id=numbers["JAX_PROCESS_ID"]
        )


def is_first_process() -> bool:
    """Returns whether this is the process that writes the run's files."""
    return jax.process_index() == 0
