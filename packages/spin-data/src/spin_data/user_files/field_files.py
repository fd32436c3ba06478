"""Loads and writes files of fields with any spins.

There are two formats, and `write_fields` writes both:

- `.npz`: arrays "spin_0", "spin_1", ... (example, lat, long, channel), on HEALPix (example, pixel,
  channel), and "label" (example,). If one file has all splits, it may also have "split" (example,),
  the name of each example's split.
- `.array_record`: one record for each example. A record is an `.npz` archive of the same arrays
  without the example axis.
"""

import math
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

import sphere_transforms
import spin_registry
from spin_data.atomic_files import replaced_file
from spin_data.dataset import Dataset, RandomAccessSource, Record
from spin_data.sources.array import ArraySource
from spin_data.sources.batches import stack_records
from spin_data.user_files.array_record import ArrayRecordSource, write_array_record
from spin_data.user_files.field_records import (
    BAD_NPZ,
    channels_of,
    check_batch,
    check_record,
    form_of,
    sides_of,
)
from spin_data.user_files.file_version import version_of_files
from spin_data.user_files.split_by_hash import SPLITS, check_shares, split_named, split_of
from spin_registry import ClassSpec, FieldSpec

__all__ = ["load_fields", "write_fields"]

# Short names of grids, for those of the registry.
_GRIDS = {
    "equiangular": "EquiangularGrid",
    "fejer": "FejerGrid",
    "driscoll_healy": "DriscollHealyGrid",
    "gauss_legendre": "GaussLegendreGrid",
    "healpix": "HealpixGrid",
    "lat_lon": "LatLonGrid",
    "lat_lon_centres": "LatLonGrid",
    "mcewen_wiaux": "McEwenWiauxGrid",
}
_ENDINGS = (".npz", ".array_record")
# More classes than both limits are refused, unless the user states their number.
_MAY_BE_SPARSE = 1000
_CLASSES_PER_LABEL = 10


def load_fields(
    *,
    path: str | os.PathLike[str],
    grid: str = "equiangular",
    num_classes: int | None = None,
    validation: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
) -> Dataset:
    """Loads fields with class labels from files.

    Args:
      path: an `.npz` or `.array_record` file, or a folder with one file for each split:
        train.npz, val.npz, test.npz.
      grid: the kind of grid that the arrays are sampled on: "equiangular", "fejer",
        "driscoll_healy", "gauss_legendre", "healpix" (in ring order), "lat_lon" (with poles, any
        size), "lat_lon_centres" (without poles, any size), "mcewen_wiaux", or the name of a
        registered grid that is determined by its shape or by one size. The sizes follow from the
        shapes of the arrays. The first longitude is 0.
      num_classes: the number of classes; None for the largest label plus one, which must not
        leave nine out of ten of more than a thousand classes without examples.
      validation: the share of examples for validation, if the files do not define splits.
      test: the share of examples for testing, if the files do not define splits.
      seed: seed of the division into splits.

    Returns:
      A dataset. The arrays of `.npz` files are in memory.

    Raises:
      FileNotFoundError: the path does not exist.
      ValueError: a file is damaged, an array is missing or is not a field (the message has the
        number of the example), or an argument is out of range.
    """
    check_shares(validation, test, seed)
    where = Path(os.path.expanduser(path))
    files = _files(where)
    if num_classes is not None:
        num_classes = ClassSpec(num_classes).num_classes
    found: dict[str, RandomAccessSource] = {}
    divided = False
    for file in files:
        of_file, divided = _read(file, num_classes, validation, test, seed, alone=where.is_file())
        found |= of_file
    sources = {split: found[split] for split in SPLITS if split in found}
    if not sources:
        raise ValueError(f"{where}: no records; write at least one")
    record = next(iter(sources.values()))[0]
    spec = FieldSpec(_grid_of(where, grid, record["input"]), channels_of(record["input"]))
    if num_classes is None:
        num_classes = _number_of_classes(where, sources.values())
    records = sum(map(len, sources.values()))
    contents = version_of_files(files, where.parent if where.is_file() else where)
    version = f"{records} records, {contents}"
    return Dataset(spec, ClassSpec(num_classes), sources, version=version, divided=divided)


def write_fields(path: str | os.PathLike[str], records: Iterable[Record]) -> int:
    """Writes records in the format that `load_fields` reads.

    If an error occurs, an existing file is left unchanged.

    Args:
      path: a file name that ends in `.npz` (needs all records in memory) or `.array_record`
        (writes one record after another).
      records: `{"input": {"spin_0": (lat, long, channel)}, "label": int}`, at least one. On
        HEALPix a field is (pixel, channel).

    Returns:
      The number of records written.

    Raises:
      ValueError: the file name has another ending, there are no records, or a record is not a
        record of fields or differs from the first in its shapes or dtypes.
      OSError: the file cannot be written.
    """
    target = Path(os.path.expanduser(path))
    if target.suffix not in _ENDINGS:
        raise ValueError(f"{target}: the name must end in {' or '.join(_ENDINGS)}")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{target.parent}: no such folder; create it first")
    write = _write_npz if target.suffix == ".npz" else write_array_record
    try:
        with replaced_file(target) as partial:
            count = write(partial, _alike(records))
            if not count:
                raise ValueError(f"{target}: no records to write")
    except RuntimeError as error:  # array_record's
        raise OSError(f"{target} cannot be written ({error})") from error
    return count


def _files(where: Path) -> list[Path]:
    if where.is_file():
        if where.suffix not in _ENDINGS:
            raise ValueError(f"{where}: the name must end in {' or '.join(_ENDINGS)}")
        return [where]
    files = []
    if where.is_dir():
        files = sorted(p for p in where.iterdir() if p.suffix in _ENDINGS and p.name[0] != ".")
    if not files:
        raise FileNotFoundError(
            f"{where}: neither a file that ends in {' or '.join(_ENDINGS)}, nor a folder with one "
            "such file for each split, for example train.npz"
        )
    by_split = {file: split_named(file.stem) for file in files}
    if strangers := [file.name for file, split in by_split.items() if split not in SPLITS]:
        raise ValueError(
            f"{where}: {', '.join(strangers)} in a folder with one file for each split; splits are "
            f"{', '.join(SPLITS)}"
        )
    if len(set(by_split.values())) < len(files):
        raise ValueError(f"{where}: two files for one split: {', '.join(f.name for f in files)}")
    return files


def _read(
    file: Path,
    num_classes: int | None,
    validation: float,
    test: float,
    seed: int,
    *,
    alone: bool,
) -> tuple[dict[str, RandomAccessSource], bool]:
    """Reads the sources in a file, by split, and returns whether a hash divided the examples.

    A file in a folder contains the split of its name. If the file is the only one (`alone`), its
    array "split" defines the splits. Without this array, a hash divides the examples.
    """
    if file.suffix == ".array_record":
        source = ArrayRecordSource(file, num_classes=num_classes)
        if not alone:
            return {split_named(file.stem): source}, False
        splits = _split_names(len(source), validation, test, seed)
        sources: dict[str, RandomAccessSource] = {
            str(split): ArrayRecordSource(file, np.flatnonzero(splits == split), num_classes)
            for split in np.unique(splits)
        }
        return sources, True
    fields, labels, named = _arrays(file, num_classes)
    if not alone:
        splits = np.full(len(labels), split_named(file.stem))
    elif named is None:
        splits = _split_names(len(labels), validation, test, seed)
    else:
        splits = np.array([split_named(str(name)) for name in named])
    if strangers := sorted(set(splits.tolist()) - set(SPLITS)):
        raise ValueError(f"{file}: split {strangers[0]!r}, expected one of {', '.join(SPLITS)}")
    sources = {
        str(split): ArraySource(
            {name: array[splits == split] for name, array in fields.items()},
            labels[splits == split],
        )
        for split in np.unique(splits)
    }
    return sources, alone and named is None


def _arrays(
    file: Path, num_classes: int | None
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray | None]:
    try:
        # The file is opened here, because np.load does not close a file that it cannot read.
        with file.open("rb") as content:
            archive = np.load(content, allow_pickle=False)
            if isinstance(archive, np.ndarray):
                raise ValueError("one array, expected an archive of named arrays")
            arrays = dict(archive)
        splits = arrays.pop("split", None)
        if splits is not None and splits.dtype.kind == "S":
            splits = splits.astype(str)
        batch = check_batch(arrays, num_classes)
        if splits is not None and splits.shape != batch["label"].shape:
            raise ValueError(f"split has shape {splits.shape}, label {batch['label'].shape}")
    except BAD_NPZ as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{file}: no fields to read ({why})") from error
    return batch["input"], batch["label"], splits


def _split_names(count: int, validation: float, test: float, seed: int) -> np.ndarray:
    return np.array(
        [split_of(str(i), validation=validation, test=test, seed=seed) for i in range(count)]
    )


def _grid_of(where: Path, name: str, fields: Mapping[str, np.ndarray]) -> sphere_transforms.Grid:
    """Returns the grid of a kind with the arrays' shape; its sides or one size determine it."""
    try:
        entry = spin_registry.get_grid(_GRIDS.get(name, name))
    except spin_registry.UnknownNameError as error:
        raise ValueError(
            f"grid is {name!r}, expected one of {', '.join(_GRIDS)} or a registered grid: {error}"
        ) from error
    shape = sides_of(next(iter(fields.values())))
    options = {"poles": False} if name == "lat_lon_centres" else {}
    reason = ""
    # One size is a number of rings, or nside. A grid that takes other arguments may take the sides.
    sizes = (shape[0], shape[0] - 1, shape[0] // 2, math.isqrt(shape[0] // 12))
    for arguments in (shape, *((size,) for size in sizes)):
        try:
            grid = entry.create(*arguments, **options)
        except ValueError:
            continue
        except TypeError as error:
            reason = f"; its sides or one whole number must determine the grid ({error})"
            continue
        if tuple(getattr(grid, "shape", ())) == shape:
            return grid
        reason = ""
    axes = ("latitudes", "longitudes") if len(shape) == 2 else ("pixels",)
    sides = " and ".join(f"{number} {axis}" for number, axis in zip(shape, axes, strict=True))
    raise ValueError(f"{where}: no {name} grid has {sides}{reason}")


def _number_of_classes(where: Path, sources: Iterable[RandomAccessSource]) -> int:
    """Returns the largest label plus one, if not nearly all of these classes are without a label.

    Labels that are no class numbers (identifiers, dates) would make a model of millions of classes.
    """
    labels = set[int]().union(*map(_labels_of, sources))
    count = max(2, 1 + max(labels))
    if count > max(_MAY_BE_SPARSE, _CLASSES_PER_LABEL * len(labels)):
        raise ValueError(
            f"{where}: the largest label is {count - 1}, but there are only {len(labels)} "
            f"different labels; number the classes from 0, or set num_classes to {count}"
        )
    return count


def _labels_of(source: RandomAccessSource) -> set[int]:
    if isinstance(source, ArraySource) and isinstance(source.labels, np.ndarray):
        return set(np.unique(source.labels).tolist())
    return {source[index]["label"] for index in range(len(source))}


def _alike(records: Iterable[Record]) -> Iterator[Record]:
    """Validates each record and yields it as arrays. Values may be infinite or nan."""
    first = None
    for number, record in enumerate(records):
        arrays = {name: np.asarray(values) for name, values in record["input"].items()}
        try:
            record = check_record(arrays | {"label": np.asarray(record["label"])}, finite=False)
        except ValueError as error:
            raise ValueError(f"record {number}: {error}") from error
        first = first or form_of(record)
        if (form := form_of(record)) != first:
            raise ValueError(f"record {number}: fields {form}, but the first has {first}")
        yield record


def _write_npz(path: Path, records: Iterable[Record]) -> int:
    collected = list(records)
    if collected:
        batch = stack_records(collected)
        np.savez(path, label=batch["label"], **batch["input"])
    return len(collected)
