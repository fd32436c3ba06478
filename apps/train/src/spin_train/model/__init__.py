"""Builds models, and represents each as a static structure and its arrays."""
