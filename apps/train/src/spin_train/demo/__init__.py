"""The demo, `python -m spin_train.demo`: a spin CNN against a planar one."""
