"""Registers the embedded digits, and loaders of users' files; imports only the registry."""

import spin_registry as sr


@sr.hookimpl
def register_datasets() -> list[sr.DatasetEntry]:
    """Returns the embedded digits, upright or randomly rotated, and the loaders of users' files."""
    return [
        sr.DatasetEntry(
            "digits/canonical",
            "spin_data.digits:load",
            summary="1,797 handwritten digits of 8x8 pixels around the south pole; embedded",
            options={"rotated": False},
        ),
        sr.DatasetEntry(
            "digits/rotated",
            "spin_data.digits:load",
            summary="1,797 handwritten digits of 8x8 pixels, randomly rotated; embedded",
            options={"rotated": True},
        ),
        sr.DatasetEntry(
            "images",
            "spin_data.user_files.image_folder:load_images",
            summary="your folder of flat images, a subfolder per class, projected around the pole",
            argument="path",
        ),
        sr.DatasetEntry(
            "panoramas",
            "spin_data.user_files.image_folder:load_panoramas",
            summary="your folder of equirectangular images, a subfolder per class",
            argument="path",
        ),
        sr.DatasetEntry(
            "fields",
            "spin_data.user_files.field_files:load_fields",
            summary="your fields of any spins, in .npz or .array_record files",
            argument="path",
        ),
    ]
