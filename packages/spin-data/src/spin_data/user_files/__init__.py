"""Loads users' files as datasets: flat images, panoramas, or fields."""
