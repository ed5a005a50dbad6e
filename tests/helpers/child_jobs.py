"""Jobs in a module of its own, so that a child process can import them."""

import os
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from napari_motionseg.errors import LabelError
from napari_motionseg.io.frame_prefetch import FramesAhead
from napari_motionseg.jobs import STOP, Progress


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
