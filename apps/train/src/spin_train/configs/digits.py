"""A small offline preset: scikit-learn's digits on the sphere, minutes on a laptop."""

import ml_collections

from spin_train.configs import default


def get_config() -> ml_collections.ConfigDict:
    """Returns the configuration of a small spin classifier on rotated digits."""
    config = default.get_config()
    config.model_name = "tiny_classifier"
    config.dataset = "digits/rotated"
    config.combine_train_val_and_eval_on_test = True
    config.learning_rate = 0.01
    config.num_train_steps = 1000
    config.log_loss_every_steps = 50
    config.eval_every_steps = 250
    config.checkpoint_every_steps = 500
    return config
