"""How a process joins others: from the command line, and from launchers' variables."""

import dataclasses
from collections.abc import Mapping

from spin_train.errors import ConfigurationError


@dataclasses.dataclass(frozen=True)
class Launch:
    """How this process joins the other processes of a run.

    Attributes:
      coordinator: host:port of the first process; "" to take it from the environment.
      num_processes: number of processes in the run; None to take it from the environment.
      process_id: number of this process, from 0; None to take it from the environment.
      distributed: whether JAX detects everything that is not given. Kubernetes and TPU pods need
        this, because their environment does not show reliably that there are other processes.
      local_device: the only device of the host that this process uses; None for all devices, or
        for those that JAX detects.
    """

    coordinator: str = ""
    num_processes: int | None = None
    process_id: int | None = None
    distributed: bool = False
    local_device: int | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Launch":
        """Reads `JAX_COORDINATOR_ADDRESS`, `JAX_NUM_PROCESSES` and `JAX_PROCESS_ID`.

        JAX does not detect Open MPI 5. There, the numbers come from Open MPI's own variables.

        Raises:
          ConfigurationError: if a variable that must be a number is not one.
        """
        coordinator = environment.get("JAX_COORDINATOR_ADDRESS", "")
        num_processes = _number(environment, "JAX_NUM_PROCESSES")
        process_id = _number(environment, "JAX_PROCESS_ID")
        if num_processes is None and process_id is None and _is_open_mpi_5(environment):
            return cls(
                coordinator,
                _number(environment, "OMPI_COMM_WORLD_SIZE"),
                _number(environment, "OMPI_COMM_WORLD_RANK"),
                local_device=_number(environment, "OMPI_COMM_WORLD_LOCAL_RANK"),
            )
        return cls(coordinator, num_processes, process_id)

    def completed(self, environment: Mapping[str, str]) -> "Launch":
        """Returns a copy in which missing values are filled in from the environment.

        Raises:
          ConfigurationError: if the numbers or the coordinator are missing or inconsistent.
        """
        other = Launch.from_environment(environment)
        launch = Launch(
            self.coordinator or other.coordinator,
            other.num_processes if self.num_processes is None else self.num_processes,
            other.process_id if self.process_id is None else self.process_id,
            self.distributed or _launched_tasks(environment) > 1,
            other.local_device if self.local_device is None else self.local_device,
        )
        if (launch.num_processes is None) != (launch.process_id is None):
            raise ConfigurationError(
                "give both the number of processes and the number of this one, or neither "
                "(--num_processes and --process_id, or JAX_NUM_PROCESSES and JAX_PROCESS_ID)"
            )
        if launch.num_processes is not None and launch.process_id is not None:
            if not 0 <= launch.process_id < launch.num_processes:
                raise ConfigurationError(
                    f"process_id is {launch.process_id}, expected one below num_processes, "
                    f"{launch.num_processes}, counted from 0"
                )
            if not launch.coordinator:
                raise ConfigurationError(
                    "processes need a coordinator: --coordinator HOST:PORT of process 0, the same "
                    "in all of them"
                )
        return launch

    @property
    def has_others(self) -> bool:
        """Whether there are other processes to join."""
        return bool(self.coordinator) or self.distributed


def _number(environment: Mapping[str, str], name: str) -> int | None:
    word = environment.get(name)
    if word is not None and not word.isdecimal():
        raise ConfigurationError(f"{name} expects a number, got {word!r}")
    return None if word is None else int(word)


def _is_open_mpi_5(environment: Mapping[str, str]) -> bool:
    """Whether Open MPI started several processes without stating the first one's address."""
    size = environment.get("OMPI_COMM_WORLD_SIZE", "1")
    return size != "1" and "OMPI_MCA_orte_hnp_uri" not in environment


def _launched_tasks(environment: Mapping[str, str]) -> int:
    """Returns the number of processes that a launcher started; 1 without a launcher.

    In `salloc` and in the batch script itself there is no Slurm step. They run as one process,
    whatever the number of tasks in the job.
    """
    sizes = []
    if "SLURM_STEP_NODELIST" in environment:
        sizes.append(environment.get("SLURM_STEP_NUM_TASKS", environment.get("SLURM_NTASKS", "1")))
    if "OMPI_COMM_WORLD_SIZE" in environment:
        sizes.append(environment["OMPI_COMM_WORLD_SIZE"])
    return max((int(size) for size in sizes if size.isdecimal()), default=1)
