"""From first contact to masks, by the rules of a person: clicks, seconds, blocks.

    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/window.py
        [--peer PYTHON] [--only motionseg] [--frames 8]

The real window is driven by events of mouse and keyboard on a synthetic loop whose
masks are known. PYTHON is that of an environment with napari-convpaint, where the same
tasks are done on the same loop with the same strokes. Each tool runs in a process of
its own, so that the start of the program counts.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from machine import here_and_now
from numpy.typing import NDArray

from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.synthesis import SynthesisConfig, synthesize_cine

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "scripts"))
from stroke_routes import background_routes, vessel_routes  # noqa: E402

SIZE_PX, FRAMES, SEED = 512, 8, 9100
TOOLS = ("motionseg", "convpaint")
WINDOW, BRUSH_PX = (1366, 768), 5
MOST_S = 330.0  # from the start of a program; then no further button is pressed
ROUNDS, STROKES = 4, (2, 2)  # vessel and background strokes of a round


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--peer", type=Path, help="python with napari-convpaint")
    parser.add_argument("--most-s", type=float, default=MOST_S)
    parser.add_argument("--only", choices=TOOLS, help="keep the other's numbers")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "window.json")
    options = parser.parse_args()
    earlier = json.loads(options.out.read_text()) if options.out.exists() else {}
    found: dict[str, Any] = {name: earlier.get(name) for name in TOOLS}
    with tempfile.TemporaryDirectory(prefix="window-") as name:
        room = Path(name)
        job = write_job(room, options.frames) | {"most_s": options.most_s}
        if options.only != "convpaint":
            found["motionseg"] = run(sys.executable, "window_motionseg.py", job, room)
        if options.peer is not None and options.only != "motionseg":
            peer = str(options.peer)
            prepare = [peer, str(HERE / "window_convpaint.py"), "--weights", name]
            subprocess.run(prepare, env=clean_environment(), check=True)
            found["convpaint"] = run(peer, "window_convpaint.py", job, room)
    found |= {
        "frames": options.frames, "size": SIZE_PX, "window": list(WINDOW),
        "strokes": list(STROKES), **here_and_now(),
    }  # fmt: skip
    options.out.write_text(json.dumps(found, indent=1) + "\n")


def write_job(room: Path, frames: int) -> dict[str, Any]:
    """Write the loop as DICOM and as TIFF; return what a tool has to know."""
    config = SynthesisConfig(size=SIZE_PX, frames=frames)
    made = synthesize_cine(config, seed=SEED)
    cine = dataclasses.replace(made.cine, name="loop")
    write_xa(room / "loop.dcm", cine)
    tifffile.imwrite(room / "loop.tif", np.asarray(cine.frames[:]))
    np.save(room / "truth.npy", made.masks)
    frame = int(made.masks.sum(axis=(1, 2)).argmax())
    return {
        "loop": str(room / "loop.dcm"), "movie": str(room / "loop.tif"),
        "truth": str(room / "truth.npy"), "frame": frame, "window": list(WINDOW),
        "brush": BRUSH_PX, "routes": routes(made.masks[frame]),
    }  # fmt: skip


def routes(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Return the strokes of each round: pixels along vessels, and beside them."""
    made = {
        "vessel": vessel_routes(mask, ROUNDS * STROKES[0]),
        "background": background_routes(mask, ROUNDS * STROKES[1]),
    }
    return {
        kind: [
            [route.tolist() for route in found[number::ROUNDS]]
            for number in range(ROUNDS)
        ]
        for kind, found in made.items()
    }


def clean_environment() -> dict[str, str]:
    """Return the environment variables without the import path of this program."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}


def run(python: str, script: str, job: dict[str, Any], room: Path) -> dict[str, Any]:
    """Run the tasks in a process of their own, and return what it has measured."""
    out, path = room / f"{script}.out.json", room / f"{script}.json"
    path.write_text(json.dumps(job | {"out": str(out), "started": time.time()}))
    own = python == sys.executable
    environment = dict(os.environ) if own else clean_environment()
    environment |= {
        "HOME": str(room), "MOTIONSEG_STATE": str(room / "state"),
        "MOTIONSEG_CACHE": str(room / "cache"),
    }  # fmt: skip
    subprocess.run([python, str(HERE / script), str(path)], env=environment, check=True)
    return json.loads(out.read_text())


if __name__ == "__main__":
    main()
