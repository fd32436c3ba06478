"""The same run on one device, on eight, and in two processes."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest

import spin_train
from spin_train.cli.train import main
from spin_train.devices.launch import Launch
from spin_train.devices.sharding import shard_batch
from spin_train.optimization.steps import make_train_step
from spin_train.training.setup import make_setup

# A model and a batch to differentiate, for this process and for two others: its gradients, batch
# statistics and scores are written as one .npz.
_GRADIENTS = """
import sys
from functools import partial
import jax, jax.numpy as jnp, numpy as np
import spin_train
from spin_train.configuration import complete_config
from spin_train.training.setup import make_setup
from spin_train.devices.launch import Launch
from spin_train.devices.processes import is_first_process, join_processes
from spin_train.devices.sharding import replicate, replicated, shard_batch
from spin_train.optimization.steps import score_gradients

join_processes(Launch(sys.argv[2], 2, int(sys.argv[3])) if len(sys.argv) > 2 else None)
config = complete_config({
    "model_name": "tiny_classifier", "dataset": "digits/rotated", "seed": 3,
    "per_device_batch_size": 16 // jax.device_count(), "dataset_options": {"resolution": 16},
    "model_options": {"widths": (4, 6), "filter_values": (3, 3), "pool": (False, True)},
})
setup = make_setup(config)
model, mesh = setup.model, setup.mesh
batches, _ = setup.data.training_input(mesh, setup.global_batch_size)
batch = shard_batch(next(batches), mesh)
variables = replicate(model.variables, mesh)
compute = partial(score_gradients, model, setup.task)
compiled = jax.jit(compute, out_shardings=replicated(mesh))
found = compiled(variables, batch, jnp.int32(1))
if is_first_process():
    np.savez(sys.argv[1], *[np.asarray(leaf) for leaf in jax.tree.leaves(found)])
"""


def free_address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def run_all(commands, devices=1, exit_code=0):
    flags = f"--xla_force_host_platform_device_count={devices} {os.environ['SPIN_GENERATOR_FLAG']}"
    processes = [
        subprocess.Popen(
            command,
            env=os.environ | {"XLA_FLAGS": flags},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for command in commands
    ]
    try:
        outputs = [process.communicate(timeout=180)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()  # jax.distributed swallows SIGTERM.
    assert [process.returncode for process in processes] == [exit_code] * len(commands), outputs
    return outputs


def test_one_device_eight_and_two_processes_have_the_same_gradients(tmp_path):
    """Of a spin network, with its batch statistics, from the same global batch of 16."""
    python = [sys.executable, "-c", _GRADIENTS]
    run_all([[*python, str(tmp_path / "one.npz")]])
    run_all([[*python, str(tmp_path / "eight.npz")]], devices=8)
    address = free_address()  # only now, because others may take it
    run_all([[*python, str(tmp_path / "two.npz"), address, str(i)] for i in range(2)])
    one, eight, two = (np.load(tmp_path / f"{name}.npz") for name in ("one", "eight", "two"))
    assert len(one.files) >= 20
    for name in one.files:
        scale = np.max(np.abs(one[name]))
        for other in (eight, two):
            np.testing.assert_allclose(other[name], one[name], rtol=0, atol=1e-5 * scale)


@pytest.mark.usefixtures("fully_optimized")
def test_the_step_over_eight_devices_gathers_no_activations():
    config = spin_train.load_config("digits")
    config.update({"per_device_batch_size": 2})
    config.dataset_options.resolution = 16
    config.model_options.update({"widths": (4, 6), "filter_values": (3, 3), "pool": (False, True)})
    setup = make_setup(config)
    step = make_train_step(setup.model, setup.task, setup.optimizer, setup.mesh)
    batches, _ = setup.data.training_input(setup.mesh, setup.global_batch_size)
    batch = shard_batch(next(batches), setup.mesh)
    lowered = step.lower(setup.initial_state(), setup.constants(), batch)
    text = lowered.compile().as_text()
    assert setup.mesh.size == 8
    assert "all-reduce" in text
    assert not re.findall(r".*all-gather.*|.*all-to-all.*", text)


def test_two_processes_train_as_one_does(config, words, tmp_path, curve):
    """The same command, under JAX's own distributed runtime; the same global batch of 16."""
    config.dataset = "tiny_spheres/spins"
    words = [*words, "--config.dataset=tiny_spheres/spins"]
    address = free_address()
    command = [sys.executable, "-m", "spin_train", "--workdir", str(tmp_path / "two"), *words]
    outputs = run_all(
        [
            [
                *command,
                "--config.per_device_batch_size=8",
                *("--coordinator", address, "--num_processes", "2", "--process_id", str(index)),
            ]
            for index in range(2)
        ]
    )
    assert "devices=2 x cpu" in outputs[0]
    assert "devices" not in outputs[1]

    assert main(["--workdir", str(tmp_path / "one"), *words]) == 0
    assert_same_curves(curve(tmp_path / "two"), curve(tmp_path / "one"))


def test_processes_with_different_versions_of_the_data_all_leave(words, tmp_path):
    address = free_address()
    command = [sys.executable, "-m", "spin_train", "--workdir", str(tmp_path / "run"), *words]
    command += ["--config.per_device_batch_size=8", "--coordinator", address]
    outputs = run_all(
        [
            [
                "env",
                f"TINY_SPHERES_VERSION={i}.0",
                *command,
                "--num_processes=2",
                f"--process_id={i}",
            ]
            for i in range(2)
        ],
        exit_code=2,
    )
    for index, output in enumerate(outputs):
        assert "the processes have different versions of the data" in output
        assert f'"{index}.0"' in output
    assert not (tmp_path / "run" / "config.json").exists()


def test_saved_by_eight_devices_and_resumed_by_one_and_by_two_processes(
    config, words, tmp_path, curve
):
    """The same command each time: the global batch remains that of eight devices."""
    whole = tmp_path / "eight"
    spin_train.train(config, whole)
    expected = curve(whole)
    for processes in (1, 2):
        moved = tmp_path / f"by_{processes}"
        shutil.copytree(whole, moved)
        shutil.rmtree(moved / "checkpoints" / "8")  # as if it had been stopped after step 6
        address = free_address()
        command = [sys.executable, "-m", "spin_train", "--workdir", str(moved), *words]
        others = [
            ["--coordinator", address, "--num_processes", "2", "--process_id", str(index)]
            for index in range(2)
        ]
        outputs = run_all([command] if processes == 1 else [command + other for other in others])
        assert f"devices={processes} x cpu" in outputs[0]
        assert "continuing after step 6" in outputs[0]
        assert_same_curves(curve(moved), expected)
        assert json.loads((moved / "config.json").read_text())["global_batch_size"] == 16


def assert_same_curves(ours, theirs):
    assert len(ours) == len(theirs) > 5
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.get("split") == other.get("split")
        numbers = [{k: v for k, v in record.items() if k != "split"} for record in (mine, other)]
        assert numbers[0] == pytest.approx(numbers[1], rel=1e-4, abs=1e-6)


def test_devices_that_do_not_divide_the_runs_batch_are_explained(config, words, tmp_path):
    config.num_train_steps = 1
    spin_train.train(config, tmp_path)
    command = [sys.executable, "-m", "spin_train", "--workdir", str(tmp_path), *words]
    finished = subprocess.run(
        [*command, "--config.num_train_steps=1"],
        env=os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=3"},
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 2
    assert "a global batch of 16 examples, which 3 devices cannot share" in finished.stderr
    assert "(1, 2, 4, 8, 16)" in finished.stderr
    assert len(finished.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, Launch()),
        ({"JAX_COORDINATOR_ADDRESS": "a:1"}, Launch("a:1")),
        (
            {
                "JAX_COORDINATOR_ADDRESS": "a:1",
                "JAX_NUM_PROCESSES": "2",
                "JAX_PROCESS_ID": "1",
            },
            Launch("a:1", 2, 1),
        ),
        # A batch script, or a shell in an allocation: the tasks are the job's, and not started.
        ({"SLURM_JOB_ID": "1", "SLURM_NTASKS": "4"}, Launch()),
        # Started by srun.
        (
            {"SLURM_STEP_NODELIST": "n[1-2]", "SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "4"},
            Launch(distributed=True),
        ),
        (
            {"SLURM_STEP_NODELIST": "n1", "SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "1"},
            Launch(),
        ),
        # Open MPI 4 tells where the first process is, Open MPI 5 does not.
        (
            {"OMPI_COMM_WORLD_SIZE": "2", "OMPI_MCA_orte_hnp_uri": "1.0;tcp://10.0.0.1:5"},
            Launch(distributed=True),
        ),
        ({"OMPI_COMM_WORLD_SIZE": "1", "OMPI_COMM_WORLD_RANK": "0"}, Launch()),
        (
            {
                "OMPI_COMM_WORLD_SIZE": "2",
                "OMPI_COMM_WORLD_RANK": "1",
                "OMPI_COMM_WORLD_LOCAL_RANK": "0",
                "JAX_COORDINATOR_ADDRESS": "a:1",
            },
            Launch("a:1", 2, 1, distributed=True, local_device=0),
        ),
    ],
)
def test_what_launchers_leave_in_the_environment(environment, expected):
    assert Launch().completed(environment) == expected


def test_words_of_the_command_line_come_before_the_environment():
    environment = {
        "JAX_NUM_PROCESSES": "4",
        "JAX_PROCESS_ID": "3",
        "JAX_COORDINATOR_ADDRESS": "b:2",
    }
    assert Launch("a:1", 2, 0).completed(environment) == Launch("a:1", 2, 0)


@pytest.mark.parametrize(
    ("launch", "environment", "message"),
    [
        (Launch("a:1", num_processes=2), {}, "both the number of processes"),
        (Launch("a:1", 2, 2), {}, "process_id is 2, expected one below num_processes, 2"),
        (Launch("", 2, 1), {}, "--coordinator HOST:PORT of process 0"),
        (Launch(), {"JAX_NUM_PROCESSES": "two"}, "JAX_NUM_PROCESSES expects a number, got 'two'"),
    ],
)
def test_launches_that_make_no_sense(launch, environment, message):
    with pytest.raises(spin_train.UserError, match=re.escape(message)):
        launch.completed(environment)


def test_a_signal_to_one_process_ends_both_after_the_same_step(words, tmp_path, start):
    """They agree every ten steps; the second process hears of it from the first."""
    address = free_address()
    words = [*words, "--config.num_train_steps=100000", "--config.checkpoint_every_steps=100000"]
    words += ["--config.per_device_batch_size=8", "--config.eval_every_steps=100000"]
    words += ["--config.log_loss_every_steps=10", "--coordinator", address, "--num_processes", "2"]
    first, second = (
        start("--workdir", str(tmp_path), *words, "--process_id", str(index)) for index in range(2)
    )
    for line in first.stdout:
        if line.startswith("[20]"):
            break
    second.send_signal(signal.SIGTERM)
    outputs = [process.communicate(timeout=60)[0] for process in (first, second)]
    assert [first.returncode, second.returncode] == [128 + signal.SIGTERM] * 2, outputs
    (step,) = (int(path.name) for path in (tmp_path / "checkpoints").iterdir())
    assert step % 10 == 0
    assert f"stopped by SIGTERM after step {step}, which is saved" in outputs[0]
    # One voice is enough.
    assert "stopped by" not in outputs[1]
