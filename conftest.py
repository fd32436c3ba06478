"""What every package's tests share: strict settings for JAX, and eight virtual CPU devices."""

import importlib.util
import os
from collections.abc import Iterator

import pytest

if importlib.util.find_spec("jax") is not None:
    # Before the first use of JAX: sharding is tested on virtual devices, on any machine.
    os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=8")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax

    jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture
def fully_optimized() -> Iterator[None]:
    """Compiles the test's programs as users' are: for tests that read what XLA makes of them.

    tox turns most of XLA's optimizations off for the packages' tests, whose time is compilation.
    """
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", before)
