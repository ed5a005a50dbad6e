"""How long each job button blocks the window, beside bare napari in the same run.

    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/window_blocks.py

Each button is pressed in a process of its own: *cold*, as soon as its dock is open, and
*warm*, when the worker stands ready. A timer of the window's thread ticks all the
while; the longest pause between two ticks, from the click on, is how long the window
was blocked. Then another process adds the same layers to a viewer without any dock:
what napari itself needs. `press` and `add_bare` can be called by other benchmarks, in a
window of theirs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from machine import here_and_now
from napari.viewer import Viewer
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QAbstractButton,
    QApplication,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_motionseg.cine import Cine
from napari_motionseg.contributions import SAMPLES, read_layers
from napari_motionseg.io import read_cine
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.widgets.common.job_panel import JobPanel
from napari_motionseg.widgets.common.viewers import session_of, unwrapped

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
from window_ticks import Ticks  # noqa: E402

RESULTS = Path(__file__).parent / "results" / "window_blocks.json"
FRAMES, SIDE = 45, 512
PLUGIN = "napari-motionseg"
BAR_MS = 100  # more than bare napari
WATCH_S = 6.0  # after the first step
PATIENCE_S = 300.0
ASIDE_S = 1.0  # in which a window comes to rest
BUTTONS = ("first guess", "train", "learn from motion", "flow")


def main() -> None:
    options = parse_options()
    if options.one:
        print(json.dumps(in_this_process(options)))
        return
    with tempfile.TemporaryDirectory() as room:
        path = options.file or write_loop(Path(room))
        rows = [
            row(button, mode, path)
            for mode in options.modes.split(",")
            for button in options.buttons.split(",")
        ]
    if not options.dry:
        kept = {"rows": rows, "frames": FRAMES, "side": SIDE} | here_and_now()
        RESULTS.write_text(json.dumps(kept, indent=1) + "\n")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--file", type=Path, help="a loop; a synthetic one without")
    parser.add_argument("--buttons", default=",".join(BUTTONS))
    parser.add_argument("--modes", default="cold,warm")
    parser.add_argument("--dry", action="store_true", help="write nothing")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--mode", help=argparse.SUPPRESS)
    parser.add_argument("--layers", help=argparse.SUPPRESS)
    return parser.parse_args()


def write_loop(room: Path) -> Path:
    """Write the loop that is measured with, and return its path.

    It is the sample, there and back again: to synthesize so many frames takes minutes
    on a busy computer.
    """
    sample = np.asarray(read_cine(SAMPLES / "synthetic-angiogram.dcm").frames)
    frames = np.concatenate([sample, sample[::-1]])[:FRAMES]
    times = np.arange(FRAMES) * 1000 / 15
    cine = Cine.from_array(frames, frame_times=times, pixel_spacing=(0.2, 0.2))
    path = room / "loop.dcm"
    write_xa(path, cine)
    return path


def row(button: str, mode: str, path: Path) -> dict:
    """Measure a button and, with the layers that it has added, bare napari."""
    found = fresh(button, path, "--mode", mode)
    bare = fresh("bare", path, "--layers", json.dumps(found["layers"]))
    needed = max(bare["blocked_ms"], bare["repaint_ms"])
    made = {"button": button, "mode": mode, **found}
    made |= {
        "bare_layers_ms": bare["blocked_ms"],
        "bare_repaint_ms": bare["repaint_ms"],
    }
    made |= {"bare_ms": needed, "over_bare_ms": found["blocked_ms"] - needed}
    print(
        f"{button} ({mode}): blocked {made['blocked_ms']:.0f} ms, bare napari "
        f"{made['bare_ms']:.0f} ms, garbage collection {made['collection_ms']:.0f} ms; "
        f"first sign {made['first_sign_ms']:.0f} ms, first "
        f"step {made['first_step_ms']:.0f} ms",
        flush=True,
    )
    return made


def fresh(one: str, path: Path, *others: str) -> dict:
    """Measure in a new process."""
    command = [sys.executable, __file__, "--one", one, "--file", str(path), *others]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def in_this_process(options: argparse.Namespace) -> dict:
    viewer = Viewer(title="MotionSeg", show=True)
    for data, attributes, _ in read_layers(str(options.file)):
        viewer.add_image(data, **attributes)
    rest(ASIDE_S)
    if options.one == "bare":
        layers = json.loads(options.layers)
        return {
            "blocked_ms": add_bare(viewer, layers), "repaint_ms": repaint_bare(viewer)
        }  # fmt: skip
    button, panel = OPEN[options.one](viewer)
    session = session_of(unwrapped(viewer))
    if options.mode == "warm":
        wait_for(lambda: worker_ready(session))
    rest(ASIDE_S)
    found = press(viewer, button, panel)
    session.close()
    viewer.close()
    return found


def worker_ready(session) -> bool:
    worker = session.runner._standby
    return worker is not None and worker.ready


def press(viewer: Viewer, button: QAbstractButton, panel: JobPanel) -> dict:
    """Press a button that starts a job; watch its first steps, then cancel it.

    Returns
    -------
    dict
        ``blocked_ms``: the longest pause from the click on, the cancelling included.
        ``collection_ms``: the longest garbage collection meanwhile, which may be it.
        ``first_sign_ms``: until the panel says something. ``first_step_ms``: until the
        first progress. ``said``: the panel's last sentence. ``layers``: the layers that
        were added, for `add_bare`.
    """
    before, steps = list(viewer.layers), []
    panel.progressed.connect(lambda _: steps.append(time.perf_counter()))
    panel.say("")
    ticks = Ticks()
    begun = time.perf_counter()
    QTimer.singleShot(0, button.click)
    ticks.start()
    wait_for(lambda: bool(panel.status.text()))
    sign = time.perf_counter()
    wait_for(lambda: bool(steps) or not panel.running)
    until = time.perf_counter() + WATCH_S
    wait_for(lambda: time.perf_counter() > until or not panel.running)
    said = panel.status.text()
    panel.cancel()
    rest(ASIDE_S)
    return {
        "blocked_ms": ticks.stop(),
        "collection_ms": ticks.collected_ms,
        "first_sign_ms": 1e3 * (sign - begun),
        "first_step_ms": 1e3 * (steps[0] - begun) if steps else float("nan"),
        "said": said,
        "layers": [layer_row(x) for x in viewer.layers if x not in before],
    }


def layer_row(layer) -> dict:
    """Return what `add_bare` needs to add a layer like this one."""
    kind = type(layer).__name__.lower()
    shape = list(np.shape(layer.data))
    return {
        "kind": kind, "shape": shape, "dtype": str(getattr(layer.data, "dtype", "f4")),
        "scale": [float(s) for s in layer.scale],
    }  # fmt: skip


def add_bare(viewer: Viewer, layers: list[dict]) -> float:
    """Add layers as `press` found them to a viewer; return the longest pause in ms."""
    ticks = Ticks()
    ticks.start()
    for row in layers:
        data = np.zeros(row["shape"], row["dtype"])
        add = getattr(viewer, f"add_{row['kind']}")
        QTimer.singleShot(0, lambda a=add, d=data, r=row: a(d, scale=r["scale"]))
        rest(ASIDE_S)
    rest(ASIDE_S)
    return ticks.stop()


def repaint_bare(viewer: Viewer) -> float:
    """Show and move a bar and a text in a dock; return the longest pause in ms.

    Any change in a window redraws its canvas too, which takes long where there is no
    GPU: it is the least that a job can cost which shows its progress.
    """
    bar, text, hidden = QProgressBar(), QLabel(), QPushButton("Stop")
    column = QWidget()
    layout = QVBoxLayout(column)
    for widget in (text, bar, hidden):
        layout.addWidget(widget)
    hidden.hide()
    viewer.window.add_dock_widget(column)
    rest(ASIDE_S)
    ticks = Ticks()
    ticks.start()
    QTimer.singleShot(0, hidden.show)
    for step in range(20):
        bar.setValue(5 * step)
        text.setText(f"step {step}")
        rest(0.1)
    return ticks.stop()


def rest(seconds: float) -> None:
    """Let the window work for a while."""
    until = time.perf_counter() + seconds
    wait_for(lambda: time.perf_counter() > until)


def wait_for(done: Callable[[], bool]) -> None:
    begun = time.perf_counter()
    while not done():
        QApplication.processEvents()
        time.sleep(0.0005)
        if time.perf_counter() - begun > PATIENCE_S:
            raise TimeoutError("the window does not come to an end")


def dock_of(viewer: Viewer, name: str):
    _, dock = viewer.window.add_plugin_dock_widget(PLUGIN, name)
    rest(0.3)
    return dock


def open_segment(viewer: Viewer):
    dock = dock_of(viewer, "Segment")
    wait_for(lambda: dock.paint.painting_for_strokes() is not None)
    return dock


def open_first_guess(viewer: Viewer) -> tuple[QAbstractButton, JobPanel]:
    dock = open_segment(viewer)
    return dock.apply.guess_button, dock.panel


def open_train(viewer: Viewer) -> tuple[QAbstractButton, JobPanel]:
    """Paint a little of both classes on the shown frame."""
    dock = open_segment(viewer)
    painting = dock.state.painting
    t = FRAMES // 2
    for number, rows in ((1, slice(100, 110)), (2, slice(250, 256))):
        where = np.nonzero(np.ones((rows.stop - rows.start, 100)))
        place = (np.full(len(where[0]), t), where[0] + rows.start, where[1] + 200)
        painting.data_setitem(place, number)
    wait_for(lambda: not dock.live.latest.busy)
    return dock.train.train_button, dock.panel


def open_learn(viewer: Viewer) -> tuple[QAbstractButton, JobPanel]:
    dock = dock_of(viewer, "Embedding")
    return dock.learning.button, dock.learning.panel


def open_flow(viewer: Viewer) -> tuple[QAbstractButton, JobPanel]:
    dock = dock_of(viewer, "Motion")
    return dock.run_button, dock.panel


OPEN = {
    "first guess": open_first_guess, "train": open_train,
    "learn from motion": open_learn, "flow": open_flow,
}  # fmt: skip


if __name__ == "__main__":
    main()
