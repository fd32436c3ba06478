"""Processes, meshes of devices, and what happens to a batch on the device."""
