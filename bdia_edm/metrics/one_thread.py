"""Linear algebra whose last bits do not depend on the number of threads.

Libraries split a product or a decomposition by the number of threads and so round differently. Figures that must be
the same for one worker with all cores and for eight with one core each are computed on one thread. Where there are
several such figures the cores take one each.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import torch

from bdia_edm.base.shared_setting import SharedSetting

__all__ = ["each_on_one_thread", "one_thread"]

T = TypeVar("T")
R = TypeVar("R")

_MOST_AT_ONCE = 4
"""Of 2,048 features each has matrices of 34 MB."""


def _take_one() -> int:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    return before


one_thread = SharedSetting(_take_one, torch.set_num_threads)
"""PyTorch's CPU arithmetic on one thread within."""


def each_on_one_thread(call: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """What ``call`` gives for each of the items, in their order; a few at once, as many as PyTorch has threads.

    Items are taken as they are needed, one ahead of those that are computed; whoever takes them is the caller's thread.
    """
    at_once = min(torch.get_num_threads(), _MOST_AT_ONCE)
    ahead: deque[Future[R]] = deque()
    # Threads have a number of threads of their own.
    with one_thread(), ThreadPoolExecutor(at_once, initializer=partial(torch.set_num_threads, 1)) as pool:
        for item in items:
            ahead.append(pool.submit(call, item))
            if len(ahead) > at_once:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
