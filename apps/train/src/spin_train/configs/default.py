"""The published configuration: the six-layer spin classifier on spherical MNIST."""

import ml_collections

from spin_train.configuration_keys import KEYS


def get_config() -> ml_collections.ConfigDict:
    """Returns every key with its default; `spin-train --help` explains each."""
    return ml_collections.ConfigDict({key.name: key.default for key in KEYS})
