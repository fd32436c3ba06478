"""Processes, device meshes, and the preparation of batches on the device."""
