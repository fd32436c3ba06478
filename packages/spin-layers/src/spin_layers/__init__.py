"""Layers of spin-weighted spherical CNNs for Flax NNX, and measures of equivariance error."""

from spin_layers.block import SpinBlock
from spin_layers.buffer import Buffer
from spin_layers.channels import Channels, check_field
from spin_layers.convolution import SpinConvolution, SpinFilter, localized_filter_matrix
from spin_layers.equivariance import (
    equivariance_error,
    field_difference,
    invariance_error,
    output_difference,
)
from spin_layers.gated_nonlinearity import GatedNonlinearity
from spin_layers.initialization import complex_normal, lecun_normal
from spin_layers.nonlinearity import MagnitudeNonlinearity
from spin_layers.normalization import SpinBatchNormalization
from spin_layers.one_program import one_program
from spin_layers.packed_field import PackedField, pack, unpack
from spin_layers.phase_collapse import PhaseCollapse
from spin_layers.pooling import global_pool, global_pool_packed, sphere_mean, weighted_pool
from spin_layers.running_statistics import MANY_UPDATES, checked_momentum, without_start
from spin_layers.shared_transforms import SharedTransforms
from spin_layers.weights import (
    Weights,
    create_with_weights,
    fill_weights,
    read_weights,
    replaced_weights,
    write_weights,
)

__all__ = [
    "MANY_UPDATES",
    "Buffer",
    "Channels",
    "GatedNonlinearity",
    "MagnitudeNonlinearity",
    "PackedField",
    "PhaseCollapse",
    "SharedTransforms",
    "SpinBatchNormalization",
    "SpinBlock",
    "SpinConvolution",
    "SpinFilter",
    "Weights",
    "check_field",
    "checked_momentum",
    "complex_normal",
    "create_with_weights",
    "equivariance_error",
    "field_difference",
    "fill_weights",
    "global_pool",
    "global_pool_packed",
    "invariance_error",
    "lecun_normal",
    "localized_filter_matrix",
    "one_program",
    "output_difference",
    "pack",
    "read_weights",
    "replaced_weights",
    "sphere_mean",
    "unpack",
    "weighted_pool",
    "without_start",
    "write_weights",
]
