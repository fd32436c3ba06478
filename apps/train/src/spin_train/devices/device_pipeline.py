"""Prepares batches on the device, before the model gets them. All decoding happens here."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax

from sphere_transforms import SpinTransform, rotate_field
from spin_data import decode_fields

Batch = Mapping[str, Any]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class DevicePipeline:
    """Prepares batches. Its arrays are arguments of the compiled step, not constants inside it.

    Attributes:
      records: all training records, {"input": ..., "label": ...}, if they are held on the device.
        A batch then contains their indices, "index" (batch,). None if batches contain records.
      transform: transform for the input's grid and spins, which applies a batch's "rotation"
        (batch, 3). None if nothing is rotated.
    """

    records: Any = None
    transform: SpinTransform | None = None

    def __call__(self, batch: Batch) -> tuple[dict[int, jax.Array], Batch]:
        """Looks up records, decodes bytes, and rotates fields.

        Args:
          batch: traced global arrays.

        Returns:
          The field for the model, which maps each spin weight to an array (batch, lat, long,
          channel), and the batch with its "label".
        """
        if self.records is not None:
            index = batch["index"]
            batch = {**batch, **jax.tree.map(lambda array: array[index], self.records)}
        field = decode_fields(batch["input"])
        if self.transform is not None:
            alpha, beta, gamma = batch["rotation"].T
            field = rotate_field(self.transform, field, (alpha, beta, gamma))
        return field, batch


ONLY_DECODING = DevicePipeline()
"""The pipeline for batches that contain their records and are not rotated."""
