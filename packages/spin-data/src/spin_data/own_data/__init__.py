"""A person's own data as a dataset, by one configuration entry: images, panoramas, or fields."""
