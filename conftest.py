"""What every package's tests share: strict settings for JAX, and eight virtual CPU devices."""

import gc
import importlib.metadata
import importlib.util
import os
from collections.abc import Iterator

import pytest

# XLA's older code generator, with which programs compile faster, and one thread for each program,
# because the tests' processes use all cores. Versions of XLA that do not know the flags would stop.
_OLDER_GENERATOR = " --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"

# Tracing makes many small objects, and Python would look through all of them for circles again and
# again. Memory is let go less often in exchange.
gc.set_threshold(200_000, 20, 100)

if importlib.util.find_spec("jax") is not None:
    # Before the first use of JAX: sharding is tested on virtual devices, on any machine.
    flags = "--xla_force_host_platform_device_count=8"
    older = os.environ.get("SPIN_OLDER_CODE_GENERATOR") == "true"
    chosen = ""
    if older and importlib.metadata.version("jaxlib").startswith("0.10."):
        chosen = _OLDER_GENERATOR
    os.environ.setdefault("XLA_FLAGS", flags + chosen)
    # For processes that tests start with another number of devices.
    os.environ["SPIN_GENERATOR_FLAG"] = chosen.strip()
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax

    jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture
def fully_optimized() -> Iterator[None]:
    """Compiles the test's programs with all of XLA's optimizations, as users' programs are.

    It is for tests that read what XLA makes of a program, or compare gradients that are rounding
    errors. tox turns most optimizations off for the packages' tests, whose time is compilation.
    """
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", before)
