"""What the tests share: a plugin that trains in seconds, installed as a stranger's would be."""

from pathlib import Path

import ml_collections
import pytest

import spin_registry
import spin_train

PLUGIN = Path(__file__).parent / "plugin"


@pytest.fixture(autouse=True)
def tiny_spheres(monkeypatch):
    """Puts the plugin, with its metadata, on the path of this process and of those it starts."""
    monkeypatch.syspath_prepend(str(PLUGIN))
    monkeypatch.setenv("PYTHONPATH", str(PLUGIN))
    spin_registry.refresh()
    yield
    spin_registry.refresh()


@pytest.fixture
def config() -> ml_collections.ConfigDict:
    """A run of eight steps with all there is: dropout, weight decay, logs and checkpoints."""
    config = spin_train.load_config("default")
    config.model_name = "tiny_spheres_net"
    config.dataset = "tiny_spheres/bytes"
    config.model_options = ml_collections.ConfigDict({"dropout": 0.3})
    config.num_train_steps = 8
    config.per_device_batch_size = 2
    config.learning_rate = 0.02
    config.weight_decay = 0.01
    config.log_loss_every_steps = 2
    config.eval_every_steps = 4
    config.checkpoint_every_steps = 3
    return config
