"""Run pytest in forks of this process, which has imported the libraries already.

Importing torch, scipy and pydicom costs seconds, a fork milliseconds. The package under
test is never imported here, so that each fork imports the text that is on disk.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import shutil
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

PACKAGE = "napari_motionseg"
QUIET = ["-x", "-q", "-p", "no:cacheprovider", "-p", "pytest_timeout"]  # and no others
# zarr brings a plugin, and is imported before pytest could rewrite it
QUIET += ["-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"]
MEMORY_BYTES = 24 << 30  # of addresses: a fault must not take the machine's memory
LIBRARIES = {
    "numpy", "scipy", "skimage", "torch", "monai", "safetensors", "pydicom",
    "highdicom", "hypothesis", "imagecodecs", "zarr", "imageio", "tifffile", "PIL",
    "nibabel", "matplotlib", "cv2",
}  # fmt: skip


@dataclass(frozen=True)
class Ending:
    """How a run of pytest in a fork ended.

    Parameters
    ----------
    code
        Exit status of pytest; None if the run took too long.
    seconds
        Wall time of the run.
    said
        What the watching plugin wrote down; empty if it did not come to that.
    output
        The end of what it printed.
    """

    code: int | None
    seconds: float
    said: dict[str, Any]
    output: str


def preload(modules: list[str]) -> None:
    """Import libraries once, for all forks; those that cannot be are left to them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in modules:
            try:
                importlib.import_module(name)
            except Exception:  # noqa: BLE001 - a fork will say what is wrong
                continue
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(1)
    if threading.active_count() > 1:
        raise RuntimeError(f"threads do not survive a fork: {threading.enumerate()}")


def run_tests(
    tree: Path, files: list[str], room: Path, seconds: float, *, calls: bool = False
) -> Ending:
    """Run test files in a fork of this process.

    Parameters
    ----------
    tree
        Folder with the package and its tests.
    files
        Test files below `tree`, in the order to run them.
    room
        Folder for everything that the run writes; made anew, and deleted afterwards.
    seconds
        Bound of the wall time.
    calls
        Whether to note which functions of the package are called.
    """
    shutil.rmtree(room, ignore_errors=True)
    room.mkdir(parents=True)
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        _be_the_child(lambda: _pytest(tree, files, room, calls), room)
    code = _wait(child, began + seconds)
    took = time.monotonic() - began
    said = room / "said.json"
    found = json.loads(said.read_text()) if said.exists() else {}
    output = (room / "output.txt").read_text(errors="replace")[-3000:]
    shutil.rmtree(room, ignore_errors=True)
    return Ending(code, round(took, 2), found, output)


def _wait(child: int, until: float) -> int | None:
    """Return the exit status of a fork; end it, and its children, at a time."""
    code = None
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            break
        time.sleep(0.02)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # it leads its group; children may be left
    if code is None:
        os.waitpid(child, 0)
    return code


def _be_the_child(work: Callable[[], int], room: Path) -> None:
    code = 3
    try:
        os.setsid()
        output = os.open(room / "output.txt", os.O_WRONLY | os.O_CREAT)
        for stream in (1, 2):
            os.dup2(output, stream)
        code = work()
    except BaseException:  # noqa: BLE001 - the child must not go on as its parent
        traceback.print_exc()
    finally:
        os._exit(code)


def _pytest(tree: Path, files: list[str], room: Path, calls: bool) -> int:
    import pytest

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "HYPOTHESIS_STORAGE_DIRECTORY"):
        folder = room / name.lower()
        folder.mkdir()
        os.environ[name] = str(folder)
    os.environ["PYTHONPATH"] = str(tree)
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    sys.dont_write_bytecode = True
    sys.path[:0] = [str(tree)]
    os.chdir(tree)
    watch = _Watch(tree, room / "said.json", calls)
    return int(pytest.main([*QUIET, f"--basetemp={room / 'base'}", *files], [watch]))


class _Watch:
    """Plugin that notes the first failure, the modules and the functions called."""

    def __init__(self, tree: Path, said: Path, calls: bool) -> None:
        self._root, self._said = str(tree / PACKAGE) + os.sep, said
        self._failed: str | None = None
        self._called: set[CodeType] = set()
        if calls:
            threading.settrace(self._note)
            sys.settrace(self._note)

    def _note(self, frame: FrameType, event: str, _: object) -> None:
        self._called.add(frame.f_code)

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed and self._failed is None:
            self._failed = report.nodeid

    def pytest_sessionfinish(self) -> None:
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]
        cut = len(self._root)
        called = {
            f"{code.co_filename[cut:]}:{code.co_qualname.replace('.<locals>', '')}"
            for code in self._called
            if code.co_filename.startswith(self._root)
        }
        modules = [name for name in sys.modules if name.split(".")[0] in LIBRARIES]
        self._said.write_text(
            json.dumps(
                {"failed": self._failed, "called": sorted(called), "modules": modules}
            )
        )
