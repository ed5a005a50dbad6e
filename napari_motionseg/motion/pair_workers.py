"""Pairs of frames estimated side by side, in threads of one processor core each.

Two threads with a pair each get more done than one pair with two threads: nothing waits
at the end of every layer, above all where other programs take their share of a core.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def work_through(
    take: Callable[[], Item | None],
    function: Callable[[Item], Result],
    workers: int,
) -> Iterator[tuple[Item, Result]]:
    """Yield each item with its result, as they get ready.

    Parameters
    ----------
    take
        Gives the next item, as late as possible; None when there is none for now: what
        is in work is then still finished.
    function
        What is done with an item; called by several threads if `workers` is over 1.
    workers
        Items in work at once. With one, all is done in the calling thread.
    """
    if workers <= 1:
        while (item := take()) is not None:
            yield item, function(item)
        return
    # Asked before a worker sets it: a thread that first asks later takes over the
    # worker's number, and all that it computes from then on rounds otherwise
    usual = torch.get_num_threads()
    with ThreadPoolExecutor(workers, "flow", _one_core) as pool:
        running: dict[Future[Result], Item] = {}
        try:
            while True:
                while len(running) <= workers and (item := take()) is not None:
                    running[pool.submit(function, item)] = item
                torch.set_num_threads(usual)  # threads that others start take it
                if not running:
                    return
                ready = wait(running, return_when=FIRST_COMPLETED).done
                for future in ready:
                    yield running.pop(future), future.result()
        finally:
            pool.shutdown(cancel_futures=True)
            torch.set_num_threads(usual)


def usual_workers() -> int:
    """Return how many threads torch may use, each of which can be a worker."""
    return torch.get_num_threads()


def _one_core() -> None:
    # A thread takes over what was last set when it first asks: now, not after the next
    # line. Once, in a whole run of the tests, a worker had the caller's number
    torch.get_num_threads()
    torch.set_num_threads(1)  # holds for the thread that calls it
