"""Estimate pairs of frames in parallel threads with one CPU core each.

Two threads with a pair each are faster than two threads on one pair: threads need not
wait for each other after every layer, which matters most if other programs use the CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def work_through(
    take: Callable[[], Item | None],
    function: Callable[[Item], Result],
    workers: int,
    *,
    in_order: bool = False,
) -> Generator[tuple[Item, Result]]:
    """Yield each item with its result.

    Parameters
    ----------
    take
        Function that returns the next item, called as late as possible. None means that
        there is none now; running items are then completed.
    function
        Function that computes the result of an item; several threads call it if
        `workers` is greater than 1.
    workers
        Number of items computed at once. With 1, the calling thread computes
        everything.
    in_order
        Whether results come in the order of the items, or as soon as they are ready.
    """
    import torch

    if workers <= 1:
        while (item := take()) is not None:
            yield item, function(item)
        return
    # Must be read before a worker sets its number of threads. A thread that reads it
    # later would take over the worker's number, and all its later results would round
    # differently.
    usual = torch.get_num_threads()
    with ThreadPoolExecutor(workers, "flow", _one_core) as pool:
        running: dict[Future[Result], Item] = {}
        try:
            while True:
                while len(running) <= workers and (item := take()) is not None:
                    running[pool.submit(function, item)] = item
                # threads that start later inherit this number
                torch.set_num_threads(usual)
                if not running:
                    return
                first = next(iter(running))
                for future in {first} if in_order else _completed(running):
                    yield running.pop(future), future.result()
        finally:
            pool.shutdown(cancel_futures=True)
            torch.set_num_threads(usual)


def _completed(running: Iterable[Future[Result]]) -> set[Future[Result]]:
    """Wait until one of the results is there, and return all that are."""
    return wait(running, return_when=FIRST_COMPLETED).done


def usual_workers() -> int:
    """Return how many threads torch may use; each of them can be a worker."""
    import torch

    return torch.get_num_threads()


def _one_core() -> None:
    # A thread inherits the last number when it first reads it, so read it now and not
    # after the next line. In one run of all tests, a worker once had the caller's
    # number.
    import torch

    torch.get_num_threads()
    torch.set_num_threads(1)  # holds for the thread that calls it
