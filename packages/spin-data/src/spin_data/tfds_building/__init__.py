"""Builds datasets with tensorflow-datasets: each dataset is either complete or absent.

tfds builds a dataset in a temporary folder and renames the folder at the end. A folder with the
final name is therefore complete. An interrupted build starts again from the beginning. This package
adds:

- a lock: if two processes build the same dataset, the second waits and uses the result of the
  first;
- the removal of temporary folders that killed processes left behind;
- checksums: damaged files are detected and named.

It needs `pip install "spin-data[tfds]"`, which does not install TensorFlow.
"""

from spin_data.tfds_building.checksums import has_checksums, verify
from spin_data.tfds_building.prepare import prepare
from spin_data.tfds_building.source import PreparedSource

__all__ = ["PreparedSource", "has_checksums", "prepare", "verify"]
