"""Jobs in a module of its own, so that a child process can import them."""

import json
import os
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from napari_motionseg.errors import LabelError
from napari_motionseg.io.frame_prefetch import FramesAhead
from napari_motionseg.jobs import STOP, Progress
from napari_motionseg.jobs.frame_queue import FrameQueue


def counting(steps, pause=0.0, size=0):
    """Count to `steps`, showing pictures of `size` bytes; the result is the list."""
    counted = []
    for step in range(1, steps + 1):
        counted.append(step)
        preview = np.zeros(size, np.uint8) if size else None
        signal = yield Progress(step, steps, f"step {step}", {"x": step / 2}, preview)
        if signal == STOP:
            break
        time.sleep(pause)
    return counted


def wanting(steps, pause):
    """Count to `steps`; the result is what was sent meanwhile."""
    heard = []
    for step in range(1, steps + 1):
        signal = yield Progress(step, steps)
        if signal is not None:
            heard.append(signal)
        if signal == STOP:
            break
        time.sleep(pause)
    return heard


def with_a_file(path, size=0):
    """Hold a file open until cancelled, and take it away then."""
    Path(path).write_text("open")
    try:
        yield from counting(100_000, 0.001, size)
    finally:
        Path(path).unlink()


def crashing():
    yield Progress(1, 2)
    raise ZeroDivisionError("the sky fell")


def refusing():
    yield Progress(1, 2)
    raise LabelError("no label on frame 3")


def leaving():
    yield Progress(1, 2)
    os._exit(3)


def unpicklable():
    yield Progress(1, 1)
    return lambda: None


def loaded_modules():
    yield Progress(1, 1)
    return sorted(sys.modules)


def decoding_ahead(wanted):
    """Have a frame decoded; the result is who did it."""
    with closing(FramesAhead(1)) as ahead:
        yield Progress(1, 1)
        assert ahead.ask(wanted).result(60) is not None
        return ahead.pids


def summing(array):
    """Add up an array."""
    yield Progress(1, 1)
    return int(array.sum())


def echoing(*args):
    """Show the first argument and return all."""
    yield Progress(1, 1, preview=args[0])
    return args


def with_temporary_files():
    """Leave a temporary file behind, and tell its path, until cancelled."""
    descriptor, path = tempfile.mkstemp()
    os.close(descriptor)
    for step in range(100_000):
        yield Progress(step, 100_000, path)
        time.sleep(0.01)


def printing():
    """Print as a library would, in Python and below it."""
    sys.stdout.write("a library's word\n")
    sys.stdout.flush()
    os.write(1, b"more of it\n")
    yield Progress(1, 1)
    return "said"


def surroundings():
    yield Progress(1, 1)
    word, path = os.environ.get("MOTIONSEG_TEST"), os.environ.get("PYTHONPATH")
    return word, path, os.getcwd(), sys.path


def reading_json():
    yield Progress(1, 1)
    return json.loads("1")


class OnlyHere:
    """An object that is read back by what only this process knows."""

    def __reduce__(self):
        return eval, (f"1 / (__import__('os').getpid() == {os.getpid()})",)


def framing(count):
    """Do frames in turn; a frame that is sent comes next."""
    waiting = FrameQueue(range(count))
    for step in range(1, count + 1):
        (t,) = waiting.take()
        signal = yield Progress(step, count, frames=(t,), next_frame=waiting.next_frame)
        if signal == STOP:
            break
        waiting.hear(signal)
    return step
