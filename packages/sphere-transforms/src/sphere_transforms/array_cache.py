"""A cache of host arrays that is bounded by bytes, for tables that take long to compute.

Cached tables are NumPy arrays. A cache of device arrays would keep device memory for ever, and
would hand out deleted arrays after a program has donated them.
"""

from __future__ import annotations

import collections
import functools
import threading
from collections.abc import Callable, Hashable
from typing import Any, ParamSpec, TypeVar

import jax
import numpy as np

# Bytes of all tables together. Larger tables are computed again when they are needed again.
CAPACITY = 2**30

P = ParamSpec("P")
R = TypeVar("R")


class ArrayCache:
    """Results by key; forgets those that were not used for the longest time.

    Attributes:
      capacity: bytes that all results together may take.
      size: bytes that they take.
    """

    def __init__(self, capacity: int):
        self.capacity, self.size = capacity, 0
        self._results: collections.OrderedDict[Hashable, tuple[Any, int]] = (
            collections.OrderedDict()
        )
        self._lock = threading.RLock()

    def get(self, key: Hashable, compute: Callable[[], R]) -> R:
        """Returns the result of the key, which `compute` makes if there is none."""
        with self._lock:
            if key in self._results:
                self._results.move_to_end(key)
                return self._results[key][0]
            result = compute()
            size = sum(array.nbytes for array in jax.tree.leaves(result))
            if size <= self.capacity:
                self._results[key] = result, size
                self.size += size
            while self.size > self.capacity:
                _, (_, freed) = self._results.popitem(last=False)
                self.size -= freed
            return result


CACHE = ArrayCache(CAPACITY)


def cached_arrays(function: Callable[P, R]) -> Callable[P, R]:
    """Keeps a function's results in the cache; arguments must be hashable.

    The result is a pytree of NumPy arrays. They become read-only, because all callers share them.
    """

    @functools.wraps(function)
    def cached(*args: P.args, **kwargs: P.kwargs) -> R:
        def compute() -> R:
            result = function(*args, **kwargs)
            for array in jax.tree.leaves(result):
                assert isinstance(array, np.ndarray), type(array)
                array.flags.writeable = False
            return result

        key = (function, args, tuple(sorted(kwargs.items())))
        return CACHE.get(key, compute)

    return cached
