"""The compiled training step, the tasks, the optimizer and the learning rate schedule."""
