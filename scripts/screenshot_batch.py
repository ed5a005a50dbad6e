"""Make docs/images/batch-index.png and run-on.png.

The index is of synthetic loops, shown by Chromium; the rows are of the real dock.

xvfb-run -a -s "-screen 0 1366x768x24" python scripts/screenshot_batch.py
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("MOTIONSEG_CACHE", "off")

from qtpy.QtCore import QRect
from real_window import RealWindow

from napari_motionseg.widgets.common.open_docks import open_dock
from napari_motionseg.widgets.common.run_on_chooser import RunOnChooser
from napari_motionseg.widgets.common.viewers import session_of

ADDRESS = "tcp://127.0.0.1:8786"
COMMAND = [sys.executable, "-m", "napari_motionseg"]
PAGE = "960,420"  # width and height of the picture in px


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    index_page(given.out / "batch-index.png")
    chosen_place(given.out / "run-on.png")


def index_page(target: Path) -> None:
    """Segment synthetic loops and one that is damaged, and picture the index."""
    browser = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), "")
    if not browser:
        raise SystemExit("Chromium is needed to picture a page")
    with tempfile.TemporaryDirectory() as name:
        loops, out = Path(name, "loops"), Path(name, "masks")
        run("synth", loops, "--cines", 3, "--frames", 16, "--size", 256, "--seed", 31)
        whole = loops / "cine_002.dcm"
        (loops / "cut_short.dcm").write_bytes(whole.read_bytes()[:900])
        run("batch", "segment", loops, "--out", out, check=False)
        run("batch", "index", out)
        subprocess.run(
            [browser, "--headless", "--no-sandbox", "--hide-scrollbars",
             f"--screenshot={target.absolute()}", f"--window-size={PAGE}",
             (out / "index.html").as_uri()],
            check=True, capture_output=True,
        )  # fmt: skip


def run(*words: object, check: bool = True) -> None:
    subprocess.run([*COMMAND, *map(str, words)], check=check, capture_output=True)


def chosen_place(target: Path) -> None:
    """Picture the rows *Device* and *Run on* of the Segment dock."""
    window = RealWindow((1366, 768))
    window.window.show()
    session_of(window.viewer).run_on = ADDRESS
    dock = open_dock(window.viewer, "Segment")
    for fold in dock.folds:
        fold.open()
    window.settle(1.0)
    chooser = dock.findChild(RunOnChooser)
    window.bring_into_view(chooser)
    window.settle(0.5)
    form = chooser.parentWidget()
    top = dock.device.geometry().top() - 6
    bottom = chooser.geometry().bottom() + 6
    form.grab(QRect(0, top, form.width(), bottom - top)).save(str(target))
    os._exit(0)  # no scheduler answers, and the window need not wait for it


if __name__ == "__main__":
    main()
