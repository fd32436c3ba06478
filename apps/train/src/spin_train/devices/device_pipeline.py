"""Preparation of a batch on the device, before the model sees it: the one place of decoding."""

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
      records: all training records, {"input": ..., "label": ...}, where they are held on the
        device: a batch is then no more than "index" (batch,). None where batches hold their
        records.
      transform: of the input's grid and spins, to apply a batch's "rotation" (batch, 3). None where
        nothing is rotated.
    """

    records: Any = None
    transform: SpinTransform | None = None

    def __call__(self, batch: Batch) -> tuple[dict[int, jax.Array], Batch]:
        """Looks records up, decodes bytes, and rotates.

        Args:
          batch: global arrays, traced.

        Returns:
          The field for the model, spin weight to array (batch, lat, long, channel), and the batch
          with its "label".
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
"""For batches that hold their records, and are not rotated."""
