"""Fields of any spins in files, as a dataset.

An `.npz` holds arrays "spin_0", "spin_1", ... (example, lat, long, channel) and "label" (example,);
"split" (example,), the names of their splits, if one file holds all. An `.array_record` holds a
record for each example, whose bytes are an `.npz` of its own, without the leading axis.
`write_fields` writes both.
"""

import io
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import sphere_transforms
from spin_data.dataset import (
    ArraySource,
    Dataset,
    RandomAccessSource,
    Record,
    spin_weight,
    stack_records,
)
from spin_data.own_data.division import SPLITS, check_division, split_of
from spin_registry import ClassSpec, FieldSpec

__all__ = ["ArrayRecordSource", "load_fields", "write_fields"]

_GRIDS: dict[str, Callable[[int], sphere_transforms.Grid]] = {
    "equiangular": sphere_transforms.EquiangularGrid,
    "fejer": sphere_transforms.FejerGrid,
    "driscoll_healy": sphere_transforms.DriscollHealyGrid,
    "gauss_legendre": sphere_transforms.GaussLegendreGrid,
    "mcewen_wiaux": sphere_transforms.McEwenWiauxGrid,
}
_ENDINGS = (".npz", ".array_record")
_BAD_NPZ = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zipfile.LargeZipFile)


def load_fields(
    *,
    path: str | os.PathLike[str],
    grid: str = "equiangular",
    num_classes: int | None = None,
    validation: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
) -> Dataset:
    """Fields in files, with class labels.

    Args:
        path: an `.npz` or `.array_record`, or a folder with one for each split: train.npz,
            test.npz.
        grid: what the arrays are sampled on, one of "equiangular", "fejer", "driscoll_healy",
            "gauss_legendre" and "mcewen_wiaux"; its size follows from the arrays' shapes.
        num_classes: if not the largest label plus one.
        validation: the share of examples that go there, where the files do not tell.
        test: likewise.
        seed: of the division.

    Returns:
        A dataset; arrays of `.npz` files are in memory.

    Raises:
        FileNotFoundError: there is nothing at the path.
        ValueError: a file is damaged, lacks something, or holds what is no field; an example is
            named by its number. Or an argument is out of range.
    """
    check_division(validation, test, seed)
    where = Path(path).expanduser()
    sources = {
        split: source
        for file in _files(where)
        for split, source in _read(
            file, num_classes, validation, test, seed, alone=where.is_file()
        ).items()
    }
    sources = {split: sources[split] for split in SPLITS if split in sources}
    if "train" not in sources:
        raise ValueError(
            f"{where}: nothing to train on; it has {', '.join(sources) or 'no splits'}"
        )
    record = sources["train"][0]
    spec = FieldSpec(_grid_of(where, grid, record["input"]), _channels_of(record["input"]))
    if num_classes is None:
        num_classes = max(2, 1 + max(_largest_label(source) for source in sources.values()))
    return Dataset(spec, ClassSpec(num_classes), sources)


def write_fields(path: str | os.PathLike[str], records: Iterable[Record]) -> int:
    """Writes records as `load_fields` reads them.

    Args:
        path: ends in `.npz` (all records in memory at once) or `.array_record` (one after another).
        records: `{"input": {"spin_0": (lat, long, channel)}, "label": int}`, at least one.

    Returns:
        The number of records written.

    Raises:
        ValueError: the ending is another, there are no records, or one is no record of fields, or
            not like the first; what was there before is there still.
        OSError: the file cannot be written; what was there before is there still.
    """
    target = Path(path)
    if target.suffix not in _ENDINGS:
        raise ValueError(f"{target}: the name must end in {' or '.join(_ENDINGS)}")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{target.parent}: no such folder; make it first")
    partial = target.with_name(f".{target.stem}.{os.getpid()}.partial{target.suffix}")
    try:
        write = _write_npz if target.suffix == ".npz" else _write_array_record
        count = write(partial, _alike(records))
        if not count:
            raise ValueError(f"{target}: no records to write")
        partial.replace(target)
    except RuntimeError as error:  # array_record's
        raise OSError(f"{target} cannot be written ({error})") from error
    finally:
        partial.unlink(missing_ok=True)
    return count


class ArrayRecordSource:
    """Records of an `.array_record` whose bytes are each an `.npz`, read as they are asked for.

    Args:
        path: the file.
        indices: those of the file's records that are this source's; None for all.
        num_classes: labels must be below, if given.

    Raises:
        ValueError: the file is damaged; and whenever a record is read that is, or that has fields
            of other shapes or dtypes than the file's first, or a label out of range.
    """

    def __init__(
        self, path: Path, indices: np.ndarray | None = None, num_classes: int | None = None
    ):
        from array_record.python.array_record_data_source import ArrayRecordDataSource

        try:
            self._data = ArrayRecordDataSource(str(path))
            self._indices = np.arange(len(self._data)) if indices is None else indices
        except (RuntimeError, OSError, ValueError) as error:
            raise ValueError(f"{path}: no intact array_record file ({error})") from error
        self._path = path
        self._num_classes = num_classes
        self._form = _form(self._read(0))

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> Record:
        number = int(self._indices[index])
        record = self._read(number)
        if (form := _form(record)) != self._form:
            raise self._unreadable(number, f"fields {form}, the first has {self._form}")
        return record

    def _read(self, number: int) -> Record:
        try:
            arrays = np.load(io.BytesIO(self._data[number]), allow_pickle=False)
            if isinstance(arrays, np.ndarray):
                raise ValueError("one array, not an archive of named ones")
            return _record(dict(arrays), self._num_classes)
        except (*_BAD_NPZ, IndexError, RuntimeError) as error:
            raise self._unreadable(number, error) from error

    def _unreadable(self, number: int, why: object) -> ValueError:
        return ValueError(
            f"{self._path}: record {number} cannot be read ({why}); write the file anew"
        )


def _files(where: Path) -> list[Path]:
    if where.is_file():
        if where.suffix not in _ENDINGS:
            raise ValueError(f"{where}: the name must end in {' or '.join(_ENDINGS)}")
        return [where]
    names = [f"{split}{ending}" for split in SPLITS for ending in _ENDINGS]
    files = [where / name for name in names if (where / name).is_file()]
    if not files:
        raise FileNotFoundError(
            f"{where}: neither a file that ends in {' or '.join(_ENDINGS)}, nor a folder with one "
            f"for each split, such as {names[0]}"
        )
    if len({file.stem for file in files}) < len(files):
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
) -> dict[str, RandomAccessSource]:
    """The sources in a file, by split: those it names, those of a division, or that of its name."""
    if file.suffix == ".array_record":
        source = ArrayRecordSource(file, num_classes=num_classes)
        if not alone:
            return {file.stem: source}
        splits = _divided(len(source), validation, test, seed)
        return {
            split: ArrayRecordSource(file, np.flatnonzero(splits == split), num_classes)
            for split in np.unique(splits)
        }
    fields, labels, named = _arrays(file, num_classes)
    if not alone:
        splits = np.full(len(labels), file.stem)
    elif named is None:
        splits = _divided(len(labels), validation, test, seed)
    else:
        splits = named
    if strangers := sorted(set(splits.tolist()) - set(SPLITS)):
        raise ValueError(f"{file}: split {strangers[0]!r}, expected one of {', '.join(SPLITS)}")
    return {
        str(split): ArraySource(
            {name: array[splits == split] for name, array in fields.items()},
            labels[splits == split],
        )
        for split in np.unique(splits)
    }


def _arrays(
    file: Path, num_classes: int | None
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray | None]:
    try:
        # Opened here: np.load would leave open what it cannot read.
        with file.open("rb") as content:
            archive = np.load(content, allow_pickle=False)
            if isinstance(archive, np.ndarray):
                raise ValueError("one array, not an archive of named ones")
            arrays = dict(archive)
        splits = arrays.pop("split", None)
        if splits is not None and splits.dtype.kind == "S":
            splits = splits.astype(str)
        record = _record(arrays, num_classes, of_one=False)
        for name, array in record["input"].items():
            if len(array) != len(record["label"]):
                raise ValueError(f"{len(array)} of {name}, but {len(record['label'])} labels")
            if array.dtype.kind in "fc" and not np.isfinite(array).all():
                bad = int(np.flatnonzero(~np.isfinite(array.reshape(len(array), -1)).all(1))[0])
                raise ValueError(f"{name} of record {bad} has values that are not finite")
        if splits is not None and splits.shape != record["label"].shape:
            raise ValueError(f"split has shape {splits.shape}, label {record['label'].shape}")
    except _BAD_NPZ as error:
        raise ValueError(f"{file}: no fields to read ({error})") from error
    return record["input"], record["label"], splits


def _record(
    arrays: Mapping[str, np.ndarray],
    num_classes: int | None = None,
    *,
    of_one: bool = True,
    finite: bool = True,
) -> dict[str, Any]:
    """Splits named arrays into fields and labels, after looking at both."""
    fields = {name: array for name, array in arrays.items() if name != "label"}
    if "label" not in arrays or not fields:
        raise ValueError(f"arrays {sorted(arrays)}, expected 'label' and 'spin_0' or others of it")
    for name, array in fields.items():
        spin_weight(name)
        axes = (3 if of_one else 4) + (array.dtype == np.int8)
        if array.ndim != axes:
            raise ValueError(
                f"{name} has shape {array.shape}, expected "
                f"{'' if of_one else 'example, '}lat, long, channel"
            )
        if finite and of_one and array.dtype.kind in "fc" and not np.isfinite(array).all():
            raise ValueError(f"{name} has values that are not finite")
    label = arrays["label"]
    if label.dtype.kind not in "iu" or label.ndim != (0 if of_one else 1):
        raise ValueError(
            f"label has shape {label.shape} and dtype {label.dtype}, expected integers"
        )
    end = np.iinfo(np.int32).max if num_classes is None else num_classes
    if (wrong := np.flatnonzero((label < 0) | (label >= end))).size:
        number = "" if of_one else f" of record {wrong[0]}"
        raise ValueError(f"label {label.ravel()[wrong[0]]}{number}, expected one in [0, {end})")
    return {"input": fields, "label": int(label) if of_one else label.astype(np.int32)}


def _divided(count: int, validation: float, test: float, seed: int) -> np.ndarray:
    return np.array(
        [split_of(str(i), validation=validation, test=test, seed=seed) for i in range(count)]
    )


def _grid_of(where: Path, name: str, fields: Mapping[str, np.ndarray]) -> sphere_transforms.Grid:
    if name not in _GRIDS:
        raise ValueError(f"grid is {name!r}, expected one of {', '.join(_GRIDS)}")
    shape = next(iter(fields.values())).shape[:2]
    for size in (shape[0], shape[0] - 1, shape[0] // 2):
        try:
            grid = _GRIDS[name](size)
        except ValueError:
            continue
        if tuple(grid.shape) == shape:
            return grid
    raise ValueError(f"{where}: no {name} grid has {shape[0]} latitudes and {shape[1]} longitudes")


def _channels_of(fields: Mapping[str, np.ndarray]) -> dict[int, int]:
    return {spin_weight(name): array.shape[2] for name, array in fields.items()}


def _largest_label(source: RandomAccessSource) -> int:
    if isinstance(source, ArraySource) and isinstance(source.labels, np.ndarray):
        return int(source.labels.max())
    return max(source[index]["label"] for index in range(len(source)))


def _form(record: Record) -> dict[str, tuple[tuple[int, ...], str]]:
    """What records of one file have in common: shapes and dtypes by name."""
    return {name: (array.shape, str(array.dtype)) for name, array in record["input"].items()}


def _alike(records: Iterable[Record]) -> Iterator[Record]:
    """The records as arrays, each looked at; values may be anything, as a file of them may be."""
    first = None
    for number, record in enumerate(records):
        arrays = {name: np.asarray(values) for name, values in record["input"].items()}
        try:
            record = _record(arrays | {"label": np.asarray(record["label"])}, finite=False)
        except ValueError as error:
            raise ValueError(f"record {number}: {error}") from error
        first = first or _form(record)
        if (form := _form(record)) != first:
            raise ValueError(f"record {number}: fields {form}, but the first has {first}")
        yield record


def _write_npz(path: Path, records: Iterable[Record]) -> int:
    collected = list(records)
    if collected:
        batch = stack_records(collected)
        np.savez(path, label=batch["label"], **batch["input"])
    return len(collected)


def _write_array_record(path: Path, records: Iterable[Record]) -> int:
    from array_record.python.array_record_module import ArrayRecordWriter

    writer, count = ArrayRecordWriter(str(path), "group_size:1"), 0
    try:
        for record in records:
            content = io.BytesIO()
            np.savez(content, label=record["label"], **record["input"])
            writer.write(content.getvalue())
            count += 1
    finally:
        writer.close()
    return count
