"""A disposable process that reads damaged inputs, and says how each ended.

One JSON object a line: cases come in on standard input, answers go out on standard
output. What the process itself does (die, hang, grow) its parent sees.
"""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import shutil
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from fuzz.cases import make_case, make_copy  # noqa: E402
from fuzz.readers import READERS  # noqa: E402
from napari_motionseg.errors import MotionSegError  # noqa: E402

MIB = 2**20
STATUS = Path("/proc/self/status")


def peak_mib() -> float:
    """Most memory since the last `forget_peak`."""
    if STATUS.exists():
        line = next(x for x in STATUS.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def forget_peak() -> None:
    if STATUS.exists():
        Path("/proc/self/clear_refs").write_text("5")


def read(reader: str, case: Path) -> dict:
    """Read one case; return how it ended."""
    try:
        READERS[reader](case)
    except MotionSegError as error:
        return {"end": "refused", "why": f"{type(error).__name__}: {error}"[:300]}
    except Exception as error:  # noqa: BLE001 - what must not happen is counted
        last = traceback.format_tb(error.__traceback__)[-3:]
        why = f"{type(error).__name__}: {error}"[:300]
        return {"end": "wrong type", "why": why, "at": "".join(last)}
    return {"end": "read"}


def answer(asked: dict) -> dict:
    """Make, read and measure one case."""
    room = Path(tempfile.mkdtemp(dir=asked["room"]))
    try:
        number, seed = asked["number"], asked["seed"]
        if asked.get("file"):
            case = make_copy(Path(asked["file"]), seed, number, room)
        else:
            case = make_case(Path(asked["seeds"]), asked["reader"], seed, number, room)
        forget_peak()
        before = peak_mib()
        ended = read(asked["reader"], case)
        ended["grown_mib"] = round(peak_mib() - before, 1)
    finally:
        if not asked.get("keep"):
            shutil.rmtree(room, ignore_errors=True)
    return ended


def main() -> None:
    faulthandler.enable()
    warnings.simplefilter("ignore")
    memory_mib = int(sys.argv[1])
    if memory_mib:
        now = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf(
            "SC_PAGE_SIZE"
        )
        limit = now + memory_mib * MIB
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # a library that prints must not print amid the answers
    print(json.dumps({"end": "ready"}), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
