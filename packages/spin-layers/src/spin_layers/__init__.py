"""Layers of spin-weighted spherical CNNs, for Flax NNX, and measures of their equivariance."""

from spin_layers.block import SpinBlock
from spin_layers.channels import Channels, check_field
from spin_layers.constant import Constant
from spin_layers.convolution import SpinConvolution, localized_filter_matrix
from spin_layers.equivariance import equivariance_error, field_difference, invariance_error
from spin_layers.fused_block import fused_block
from spin_layers.gated_nonlinearity import GatedNonlinearity
from spin_layers.initialization import complex_normal, lecun_normal
from spin_layers.nonlinearity import MagnitudeNonlinearity
from spin_layers.normalization import SpinBatchNormalization
from spin_layers.packed import PackedField, global_pool_packed, pack, unpack
from spin_layers.phase_collapse import PhaseCollapse
from spin_layers.pooling import global_pool, sphere_mean, weighted_pool
from spin_layers.weights import (
    Weights,
    fill_weights,
    read_weights,
    replaced_weights,
    write_weights,
)

__all__ = [
    "Channels",
    "Constant",
    "GatedNonlinearity",
    "MagnitudeNonlinearity",
    "PackedField",
    "PhaseCollapse",
    "SpinBatchNormalization",
    "SpinBlock",
    "SpinConvolution",
    "Weights",
    "check_field",
    "complex_normal",
    "equivariance_error",
    "field_difference",
    "fill_weights",
    "fused_block",
    "global_pool",
    "global_pool_packed",
    "invariance_error",
    "lecun_normal",
    "localized_filter_matrix",
    "pack",
    "read_weights",
    "replaced_weights",
    "sphere_mean",
    "unpack",
    "weighted_pool",
    "write_weights",
]
