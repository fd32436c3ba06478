"""Datasets of spherical fields: the protocol, image-to-sphere projection, and the input pipeline.

Names load on first use. Listing plugins therefore imports neither grain nor JAX.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spin_data.atomic_files import replaced_file
    from spin_data.checks import check_dataset
    from spin_data.dataset import (
        Batch,
        Dataset,
        RandomAccessSource,
        Record,
        spin_name,
        spin_weight,
    )
    from spin_data.encoding import decode_fields, encode_complex, read_fields
    from spin_data.image_reading import PROJECTIONS, ImageReading
    from spin_data.option_values import check_booleans, parse_boolean, parse_option
    from spin_data.pipeline import evaluation_batches, training_iterator
    from spin_data.projection.panorama import sample_panorama
    from spin_data.projection.rotated_grid import sample_scalar, sample_vector
    from spin_data.projection.stereographic import (
        project_as_published,
        project_gradients,
        project_images,
    )
    from spin_data.sample_sheet import brightest_direction, draw_samples, one_map
    from spin_data.sources.array import ArraySource
    from spin_data.sources.batches import read_batch
    from spin_data.sources.checked import CheckedSource, checked_source
    from spin_data.sources.concatenated import ConcatenatedSource
    from spin_data.sources.index import IndexSource
    from spin_data.sources.placement import (
        InMemorySource,
        place_source,
        place_splits,
        source_bytes,
    )
    from spin_data.user_files.field_files import write_fields
    from spin_data.user_files.image_file import (
        field_of_image,
        image_size,
        read_image,
        read_panorama,
    )
    from spin_data.user_files.image_folder import images_within

_MODULES = {
    "PROJECTIONS": "image_reading",
    "ArraySource": "sources.array",
    "Batch": "dataset",
    "CheckedSource": "sources.checked",
    "ConcatenatedSource": "sources.concatenated",
    "Dataset": "dataset",
    "ImageReading": "image_reading",
    "InMemorySource": "sources.placement",
    "IndexSource": "sources.index",
    "RandomAccessSource": "dataset",
    "Record": "dataset",
    "brightest_direction": "sample_sheet",
    "check_booleans": "option_values",
    "check_dataset": "checks",
    "checked_source": "sources.checked",
    "decode_fields": "encoding",
    "draw_samples": "sample_sheet",
    "encode_complex": "encoding",
    "evaluation_batches": "pipeline",
    "field_of_image": "user_files.image_file",
    "image_size": "user_files.image_file",
    "images_within": "user_files.image_folder",
    "one_map": "sample_sheet",
    "parse_boolean": "option_values",
    "parse_option": "option_values",
    "place_source": "sources.placement",
    "place_splits": "sources.placement",
    "project_as_published": "projection.stereographic",
    "project_gradients": "projection.stereographic",
    "project_images": "projection.stereographic",
    "read_batch": "sources.batches",
    "read_fields": "encoding",
    "read_image": "user_files.image_file",
    "read_panorama": "user_files.image_file",
    "replaced_file": "atomic_files",
    "sample_panorama": "projection.panorama",
    "sample_scalar": "projection.rotated_grid",
    "sample_vector": "projection.rotated_grid",
    "source_bytes": "sources.placement",
    "spin_name": "dataset",
    "spin_weight": "dataset",
    "training_iterator": "pipeline",
    "write_fields": "user_files.field_files",
}

__all__ = [
    "PROJECTIONS",
    "ArraySource",
    "Batch",
    "CheckedSource",
    "ConcatenatedSource",
    "Dataset",
    "ImageReading",
    "InMemorySource",
    "IndexSource",
    "RandomAccessSource",
    "Record",
    "brightest_direction",
    "check_booleans",
    "check_dataset",
    "checked_source",
    "decode_fields",
    "draw_samples",
    "encode_complex",
    "evaluation_batches",
    "field_of_image",
    "image_size",
    "images_within",
    "one_map",
    "parse_boolean",
    "parse_option",
    "place_source",
    "place_splits",
    "project_as_published",
    "project_gradients",
    "project_images",
    "read_batch",
    "read_fields",
    "read_image",
    "read_panorama",
    "replaced_file",
    "sample_panorama",
    "sample_scalar",
    "sample_vector",
    "source_bytes",
    "spin_name",
    "spin_weight",
    "training_iterator",
    "write_fields",
]

if not TYPE_CHECKING:  # a type checker is to find misspelled names

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
