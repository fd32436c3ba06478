"""Projects images and functions onto the sphere, with optional rotations."""
