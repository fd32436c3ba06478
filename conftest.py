"""What every package's tests share: strict settings for JAX, and eight virtual CPU devices."""

import importlib.util
import os

if importlib.util.find_spec("jax") is not None:
    # Before the first use of JAX: sharding is tested on virtual devices, on any machine.
    os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=8")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax

    jax.config.update("jax_numpy_rank_promotion", "raise")
