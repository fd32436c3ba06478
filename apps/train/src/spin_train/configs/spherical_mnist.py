"""The published training: all 60,000 images of spherical MNIST, with a test at the end."""

import ml_collections

from spin_train.configs import default


def get_config() -> ml_collections.ConfigDict:
    """Returns the configuration of the published command."""
    config = default.get_config()
    config.combine_train_val_and_eval_on_test = True
    return config
