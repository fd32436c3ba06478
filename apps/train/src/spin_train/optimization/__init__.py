"""One compiled step, and what it minimises, with which optimizer and learning rate."""
