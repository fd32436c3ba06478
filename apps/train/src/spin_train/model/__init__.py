"""A model as a static structure and arrays."""
