"""Every key of a configuration, with the published names, meanings and defaults."""

import ml_collections


def get_config() -> ml_collections.ConfigDict:
    """Returns the published configuration: the six-layer spin classifier on spherical MNIST."""
    config = ml_collections.ConfigDict()

    # What is trained, on what. Names are the registry's: `spin-list` shows them.
    config.model_name = "spin_classifier_6_layers"
    config.dataset = "spherical_mnist/rotated"
    config.eval_dataset = ""  # evaluate on another dataset; '' is the same one
    config.model_options = ml_collections.ConfigDict()  # given to the model's factory
    config.dataset_options = ml_collections.ConfigDict()  # given to both datasets' loaders
    # False: train on "train", evaluate on "validation". True: train on both, evaluate on "test"
    # at the end.
    config.combine_train_val_and_eval_on_test = False

    # Fine-tuning: begin with the weights of this file, which `spin-export` wrote; '' for new ones.
    config.initial_weights = ""

    config.seed = 42  # initial parameters and the order of the data
    config.trial = 0  # a label for repeats; changes nothing else

    # Optimization: Adam. The learning rate is for a global batch of 32, and scaled with it.
    config.learning_rate = 0.001
    config.learning_rate_schedule = "cosine"  # or 'constant'; both after a linear warm-up
    config.warmup_epochs = 1
    config.weight_decay = 0.0  # L2 penalty, weight_decay / 2 * |w|^2, on arrays of two or more axes
    config.gradient_clip_norm = 0.0  # longer gradients are shortened to this norm; 0: never
    # Each step's batch is worked through in so many parts, for want of memory: the parts' gradients
    # are averaged. Batch statistics are then those of the parts.
    config.gradient_accumulation_steps = 1
    config.num_epochs = 12
    config.num_train_steps = -1  # -1: num_epochs decides; else the schedule fits num_epochs in
    config.per_device_batch_size = 32
    config.shuffle_buffer_size = 1000  # accepted and unused: the shuffle is global

    # Data.
    config.augment_rotation = False  # turn training examples anew each time that they are seen
    # Where records are held: 'disk', as the dataset reads them; 'memory'; 'device', those to train
    # on in each device's memory; 'auto', the fastest of these that has room.
    config.data_placement = "auto"
    config.data_threads = 2  # that read ahead
    # Processes that read ahead in place of this one, from disk; they start slowly.
    config.data_workers = 0

    # Evaluation.
    config.num_eval_steps = -1  # -1: the whole split
    config.eval_pad_last_batch = True  # False: an incomplete last batch is left out

    # Cadence, in steps.
    config.log_loss_every_steps = 100
    config.eval_every_steps = 1000
    config.checkpoint_every_steps = 1000
    # 'FIRST:LAST': these steps are profiled, for TensorBoard or Perfetto, to WORKDIR/profile.
    config.profile_steps = ""
    # Examples that the report looks at: for its figures of equivariance and rotation. 0: none.
    config.report_examples = 256
    return config
