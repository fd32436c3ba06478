"""From a source to batches: order, rotations, sharding over processes, threads that read ahead.

The order of the examples, and the rotation of each, are functions of (seed, position) alone.
`batch_size` is that of the global batch; each of `process_count` processes reads one contiguous
block of it, so the processes' local batches, put one after another, are the single process's batch,
whatever their number.
"""

import functools
import sys
from collections.abc import Iterable

import grain
import numpy as np

from sphere_transforms import random_euler_angles
from spin_data.dataset import Batch, RandomAccessSource, read_batch

__all__ = ["evaluation_batches", "training_iterator"]

_ROTATIONS = 1  # tells their random numbers from the order's


def training_iterator(
    source: RandomAccessSource,
    *,
    batch_size: int,
    seed: int,
    process_index: int = 0,
    process_count: int = 1,
    start_step: int = 0,
    rotate: bool = False,
    num_threads: int = 2,
    num_workers: int = 0,
) -> grain.DatasetIterator[Batch]:
    """An endless iterator over shuffled training batches.

    Every epoch is a new permutation of the whole source, in which each example stands once. Epochs
    follow one another without a gap: a batch may hold the end of one and the beginning of the next,
    and no example is dropped.

    Args:
        source: the records.
        batch_size: examples per step, over all processes together.
        seed: determines the order, a non-negative integer.
        process_index: which process this is, in [0, process_count).
        process_count: the number of processes; must divide `batch_size`.
        start_step: the step whose batch comes first, to resume exactly where a run stopped, with
            the same number of processes or another.
        rotate: add a rotation for each example, drawn uniformly from SO(3) anew each time that it
            is seen, to be applied to the fields on the device: "rotation", float32 (local batch,
            3), ZYZ Euler angles in radians.
        num_threads: threads that read ahead, in each worker if there are any; 0 reads on demand.
        num_workers: processes that read ahead, in place of this one; worth their seconds of
            starting where a record takes long to make. The program's main module must be guarded by
            `if __name__ == "__main__"`, as multiprocessing asks for.

    Returns:
        An iterator of `{"input": {"spin_0": (local batch, lat, long, channel)}, "label": (local
        batch,) int32}`, where the local batch is `batch_size / process_count`. Its `close()` stops
        threads and workers.

    Raises:
        ValueError: an argument is out of range, or the source is empty.
    """
    block = _block_of_process(source, batch_size, process_index, process_count)
    whole_numbers = (("seed", seed), ("start_step", start_step), ("num_workers", num_workers))
    for name, value in whole_numbers:
        if value < 0:
            raise ValueError(f"{name} is {value}, expected a non-negative integer")
    size = len(source)

    def read_step(step: int) -> Batch:
        epochs, positions = np.divmod(step * batch_size + block, size)
        indices = np.empty(len(block), np.intp)
        for epoch in np.unique(epochs):
            of_epoch = epochs == epoch
            indices[of_epoch] = _order(seed, int(epoch), size)[positions[of_epoch]]
        batch = read_batch(source, indices)
        return batch | {"rotation": _rotations(seed, step, batch_size)[block]} if rotate else batch

    last_step = sys.maxsize // batch_size
    if num_workers > 0:
        # A dataset in workers takes no index to go on from, but it can begin there.
        steps = grain.MapDataset.range(start_step, last_step).map(read_step)
        ahead = steps.to_iter_dataset(_read_options(num_threads))
        _parse_absl_flags()
        return iter(ahead.mp_prefetch(grain.MultiprocessingOptions(num_workers=num_workers)))
    steps = grain.MapDataset.range(last_step).map(read_step)
    iterator = iter(steps.to_iter_dataset(_read_options(num_threads)))
    grain.experimental.set_next_index(iterator, start_step)
    return iterator


def evaluation_batches(
    source: RandomAccessSource,
    *,
    batch_size: int,
    process_index: int = 0,
    process_count: int = 1,
    pad: bool = True,
    num_threads: int = 2,
) -> Iterable[Batch]:
    """All examples once, in the source's order, in batches of one size.

    Every process gets the same number of batches, as collective operations need.

    Args:
        source: the records.
        batch_size: examples per step, over all processes together.
        process_index: which process this is, in [0, process_count).
        process_count: the number of processes; must divide `batch_size`.
        pad: fill the last batch by repeating the last example, masked out. If False, the
            remainder, up to `batch_size - 1` examples, is left out of the evaluation.
        num_threads: threads that read ahead; 0 reads on demand.

    Returns:
        An iterable, to be iterated over as often as wanted, of batches like those of
        `training_iterator` with a "mask": bool (local batch,), False on padding.

    Raises:
        ValueError: an argument is out of range, or no batch would be left.
    """
    block = _block_of_process(source, batch_size, process_index, process_count)
    size = len(source)
    num_steps = -(-size // batch_size) if pad else size // batch_size
    if not num_steps:
        raise ValueError(
            f"the source has {size} examples, fewer than one batch of {batch_size}; "
            "take a smaller batch_size, or pad=True"
        )

    def read_step(step: int) -> Batch:
        positions = step * batch_size + block
        batch = read_batch(source, np.minimum(positions, size - 1))
        return batch | {"mask": positions < size}

    steps = grain.MapDataset.range(num_steps).map(read_step)
    return steps.to_iter_dataset(_read_options(num_threads))


# NumPy's permutation costs 0.02 us an example; an index at a time through grain's shuffle, 12.
@functools.lru_cache(maxsize=4)
def _order(seed: int, epoch: int, size: int) -> np.ndarray:
    """The order of an epoch's examples."""
    return np.random.default_rng((seed, epoch)).permutation(size)


def _rotations(seed: int, step: int, batch_size: int) -> np.ndarray:
    """The rotations of a step's whole batch, float32 (batch, 3)."""
    generator = np.random.default_rng((seed, step, _ROTATIONS))
    return np.stack(random_euler_angles(generator, (batch_size,)), -1).astype(np.float32)


def _parse_absl_flags() -> None:
    """Grain's workers read absl's flags, which a program that is not absl's has not parsed."""
    from absl import flags

    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()


def _block_of_process(
    source: RandomAccessSource, batch_size: int, process_index: int, process_count: int
) -> np.ndarray:
    """The positions within a global batch that this process reads, after checking the arguments."""
    if len(source) < 1:
        raise ValueError("the source is empty; there is nothing to iterate over")
    if not 0 <= process_index < process_count:
        raise ValueError(f"process_index is {process_index}, expected one in [0, {process_count})")
    if batch_size < 1 or batch_size % process_count:
        raise ValueError(
            f"batch_size is {batch_size}, expected a positive multiple of the number of processes, "
            f"{process_count}"
        )
    local = batch_size // process_count
    return np.arange(process_index * local, (process_index + 1) * local)


def _read_options(num_threads: int) -> grain.ReadOptions:
    if num_threads < 0:
        raise ValueError(f"num_threads is {num_threads}, expected a non-negative integer")
    return grain.ReadOptions(num_threads=num_threads, prefetch_buffer_size=4 * num_threads)
