"""Show segmentations over their loop in cornerstone3D, in headless Chromium.

Needs node, npm and Chromium. Packages are installed into ``--room``, and pictures of
the synthetic sample are left there. Each frame is compared with its mask.
"""

from __future__ import annotations

import argparse
import functools
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from pydicom import dcmread

from napari_motionseg.cine import Cine
from napari_motionseg.contributions import SAMPLES
from napari_motionseg.io import read_cine, read_labels
from napari_motionseg.io.dicom_seg_writer import (
    SegmentationSettings,
    write_segmentation,
)

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "benchmarks"))
from machine import here_and_now  # noqa: E402

SAMPLE = SAMPLES / "synthetic-angiogram.dcm"
KINDS = ("BINARY", "LABELMAP", "FRACTIONAL")
NAMES = ("coronary artery", "catheter")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--room", type=Path, default=Path("/tmp/motionseg-browser"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    given = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), "")
    if not chromium or shutil.which("npm") is None:
        raise SystemExit("Chromium, node and npm are needed")
    shutil.copytree(HERE / "browser_viewer", given.room, dirs_exist_ok=True)
    for words in ("npm install --no-audit --no-fund", "npx vite build"):
        subprocess.run(
            words.split(), cwd=given.room, check=True, stdout=subprocess.DEVNULL
        )
    cine, masks = loop_and_masks()
    data = given.room / "dist" / "data"
    truth = [int(count) for count in (masks > 0).sum(axis=(1, 2))]
    names = write_objects(data, cine, masks)
    with serving(given.room / "dist") as address:
        rows = [shown(address, chromium, given.room, name, truth) for name in names]
    versions = json.loads((given.room / "package.json").read_text())["dependencies"]
    found = {
        **here_and_now(),
        "cornerstone3D": versions["@cornerstonejs/adapters"],
        "browser": rows[0].pop("browser"),
        "rows": [{k: v for k, v in row.items() if k != "browser"} for row in rows],
    }
    (given.out / "dicom_viewer.json").write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


def loop_and_masks() -> tuple[Cine, np.ndarray]:
    """Return the sample, and its vessels in two segments."""
    cine = read_cine(SAMPLE)
    vessels = read_labels(SAMPLE.with_suffix(".npz"), shape=cine.shape).labels
    masks = (vessels > 0).astype(np.uint8)
    masks[:, :, cine.shape[2] // 2 :] *= 2
    return cine, masks


def write_objects(folder: Path, cine: Cine, masks: np.ndarray) -> list[str]:
    """Write the loop and segmentations of each type; return names of the latter."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(SAMPLE, folder / "loop.dcm")
    frames, rows, columns = cine.shape
    uid = dcmread(SAMPLE, stop_before_pixels=True).SOPInstanceUID
    said = {"uid": uid, "frames": frames, "rows": rows, "columns": columns}
    (folder / "loop.json").write_text(json.dumps(said))
    names = []
    for oriented in (False, True):
        for kind in KINDS:
            names.append(f"{kind}-{'oriented' if oriented else 'plain'}.dcm")
            settings = SegmentationSettings(kind, names=NAMES, oriented=oriented)
            write_segmentation(folder / names[-1], cine, masks, settings=settings)
    return names


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder on this computer."""
    handler = functools.partial(SimpleHTTPRequestHandler, directory=folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def shown(address: str, chromium: str, room: Path, name: str, truth: list[int]) -> dict:
    """Show one segmentation; return whether each frame has the pixels of the mask."""
    picture = room / name.replace(".dcm", ".png")
    frame = str(len(truth) - 4)
    words = ["node", "shoot.mjs", address, chromium, name, frame, str(picture)]
    ended = subprocess.run(words, cwd=room, check=True, capture_output=True, text=True)
    found = json.loads(ended.stdout.splitlines()[-1])
    kind, _, form = name.removesuffix(".dcm").partition("-")
    return {
        "type": kind, "oriented": form == "oriented",
        "frames": len(truth), "equal": sum(
            a == b for a, b in zip(found["pixels"], truth, strict=False)
        ),
        "error": found["error"], "browser": found["browser"],
    }  # fmt: skip


if __name__ == "__main__":
    main()
