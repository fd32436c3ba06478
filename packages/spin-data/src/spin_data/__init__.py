"""Datasets of spherical fields: the protocol, image-to-sphere projection, and the input pipeline.

Names load on first use, so that listing plugins imports neither grain nor JAX.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spin_data.dataset import (
        ArraySource,
        Batch,
        ConcatenatedSource,
        Dataset,
        IndexSource,
        RandomAccessSource,
        Record,
        check_dataset,
        read_batch,
        spin_name,
        spin_weight,
    )
    from spin_data.encoding import decode_fields, encode_complex
    from spin_data.own_data.field_files import write_fields
    from spin_data.own_data.image_file import read_image, read_panorama
    from spin_data.own_data.panorama import sample_panorama
    from spin_data.pipeline import evaluation_batches, training_iterator
    from spin_data.placement import (
        InMemorySource,
        place_source,
        place_splits,
        source_bytes,
    )
    from spin_data.projection import (
        project_as_published,
        project_gradients,
        project_images,
    )
    from spin_data.sample_sheet import brightest_direction, draw_samples
    from spin_data.turned_grid import sample_scalar, sample_vector

__all__ = [
    "ArraySource",
    "Batch",
    "ConcatenatedSource",
    "Dataset",
    "InMemorySource",
    "IndexSource",
    "RandomAccessSource",
    "Record",
    "brightest_direction",
    "check_dataset",
    "decode_fields",
    "draw_samples",
    "encode_complex",
    "evaluation_batches",
    "place_source",
    "place_splits",
    "project_as_published",
    "project_gradients",
    "project_images",
    "read_batch",
    "read_image",
    "read_panorama",
    "sample_panorama",
    "sample_scalar",
    "sample_vector",
    "source_bytes",
    "spin_name",
    "spin_weight",
    "training_iterator",
    "write_fields",
]

_ELSEWHERE = {
    "brightest_direction": "sample_sheet",
    "write_fields": "own_data.field_files",
    "InMemorySource": "placement",
    "decode_fields": "encoding",
    "draw_samples": "sample_sheet",
    "encode_complex": "encoding",
    "place_source": "placement",
    "place_splits": "placement",
    "source_bytes": "placement",
    "evaluation_batches": "pipeline",
    "training_iterator": "pipeline",
    "project_as_published": "projection",
    "project_gradients": "projection",
    "project_images": "projection",
    "read_image": "own_data.image_file",
    "read_panorama": "own_data.image_file",
    "sample_panorama": "own_data.panorama",
    "sample_scalar": "turned_grid",
    "sample_vector": "turned_grid",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_ELSEWHERE.get(name, 'dataset')}")
    return getattr(module, name)


def __dir__() -> list[str]:
    return __all__
