"""A real window that paints while it trains, applies, saves; see `kill_anywhere.py`.

After each kill the project must open, and every stroke that was older than two seconds
must be in it. Needs a screen.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ACTS = itertools.cycle(("painting", "training", "applying", "saving"))
SHAPE, SIDE = (12, 128, 128), 4
ACROSS = SHAPE[2] // SIDE
ALLOWED_S = 2.0
PATIENCE_S = 300


def kill_window(act: str, draw: np.random.Generator) -> object:
    """Run a window, kill it some seconds into what it does, and look what is there."""
    from .act import Finding, leftovers

    doing = next(ACTS)
    with tempfile.TemporaryDirectory(prefix="motionseg-kill-") as name:
        folder, log = Path(name), Path(name) / "log"
        words = [sys.executable, __file__, doing, name, str(log)]
        environment = {**os.environ, "MOTIONSEG_STATE": str(folder / "state")}
        child = subprocess.Popen(words, env=environment)
        wait_for_act(log, doing, child)
        time.sleep(float(draw.uniform(0.5, 6)))
        child.kill()
        killed = time.time()
        child.wait()
        strokes = read_log(log)["strokes"]
        pixels, _ = found(folder)
        lost = [t for n, t in strokes if not kept(pixels, n)]
        late = [t for t in lost if killed - t > ALLOWED_S]
        return Finding(
            acknowledged=sum(killed - t > ALLOWED_S for _, t in strokes),
            lost=len(late),
            oldest_lost_s=max((killed - t for t in lost), default=0.0),
            leftovers=len(leftovers(folder)),
            words=[f"{doing}: {len(late)} old strokes are lost"] if late else [],
        )


def wait_for_act(log: Path, act: str, child: subprocess.Popen) -> None:
    until = time.monotonic() + PATIENCE_S
    while act not in read_log(log)["acts"]:
        if child.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"the window did not come to {act}")
        time.sleep(0.05)


def read_log(log: Path) -> dict:
    text = log.read_text() if log.exists() else ""
    lines = [line.split() for line in text.splitlines(keepends=True) if "\n" in line]
    strokes = [(int(a), float(b)) for a, b in lines if a.isdigit()]
    return {"strokes": strokes, "acts": {a for a, _ in lines if not a.isdigit()}}


def found(folder: Path) -> tuple[np.ndarray, str]:
    """Open every project that there is; return the pixels of the latest."""
    from napari_motionseg.project.opening import open_project

    places = list((folder / "state" / "unsaved").glob("*.motionseg"))
    places += folder.glob("*.motionseg")
    opened = [open_project(place) for place in places]
    newest = max(opened, key=lambda one: max(p.sum() for p in one.pixels.values()))
    if any(one.missing for one in opened):
        raise RuntimeError(f"a loop is missing: {[one.missing for one in opened]}")
    number = next(x.number for x in newest.layers() if x.name.endswith("labels"))
    for one in opened:
        one.project.close()
    return newest.pixels[number], newest.project.folder.name


def cell(number: int) -> tuple[tuple[int, slice, slice], int]:
    """Return frame, rows and columns of the n-th stroke, and its label."""
    place, t = divmod(number, SHAPE[0])
    row, column = SIDE * (place // ACROSS), SIDE * (place % ACROSS)
    where = (t, slice(row, row + SIDE), slice(column, column + SIDE))
    return where, 1 + number % 2


def kept(pixels: np.ndarray, number: int) -> bool:
    where, label = cell(number)
    return bool((pixels[where] == label).all())


class Window:
    """A real window that paints a stroke every 50 ms while it does something else."""

    def __init__(self, act: str, folder: str, log: str) -> None:
        from napari.viewer import Viewer

        from napari_motionseg.contributions import cine_layer, geometry
        from napari_motionseg.io import read_cine
        from napari_motionseg.io.dicom_writer import write_xa
        from napari_motionseg.widgets.common.job_panel import JobPanel
        from napari_motionseg.widgets.common.project_controller import controller_of
        from napari_motionseg.widgets.project.dock import ProjectDock

        self.act, self.folder = act, Path(folder)
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        write_xa(self.folder / "loop.dcm", made_up())
        self.viewer = Viewer(title="MotionSeg")
        self.cine = read_cine(self.folder / "loop.dcm")
        data, attributes, _ = cine_layer(self.cine)
        self.viewer.add_image(data, **attributes)
        dock = ProjectDock(self.viewer)
        self.viewer.window.add_dock_widget(dock, name="Project")
        self.session, self.controller = dock.session, controller_of(self.viewer)
        self.panel = JobPanel(self.session)
        self.panel.progressed.connect(self.show)
        empty = np.zeros(SHAPE, np.uint8)
        self.labels, self.masks = (
            self.viewer.add_labels(
                empty.copy(), name=f"loop {what}", metadata=metadata,
                **geometry(self.cine),
            )
            for what, metadata in (("labels", {}), ("masks", {"motionseg": "masks"}))
        )  # fmt: skip
        self.begun = False
        self.moves = 0

    def go(self) -> None:
        from qtpy.QtWidgets import QApplication

        for number in range(SHAPE[0] * ACROSS**2):
            self.paint(number)
            if number >= 10:
                self.do()
            until = time.perf_counter() + 0.05
            while time.perf_counter() < until:
                QApplication.processEvents()
                time.sleep(0.005)

    def paint(self, number: int) -> None:
        where, label = cell(number)
        t, rows, columns = where
        grid = np.mgrid[t : t + 1, rows, columns].reshape(3, -1)
        self.labels.data_setitem(tuple(grid), label)
        self.note(str(number))

    def note(self, word: str) -> None:
        os.write(self.log, f"{word} {time.time()}\n".encode())

    def do(self) -> None:
        """Do what this window is to be killed in, again and again."""
        if self.act == "saving" and not self.controller.busy:
            self.moves += 1
            self.controller.save_as(self.folder / f"work{self.moves}.motionseg")
        if self.act in ("training", "applying") and not self.panel.running:
            job, done = (
                (training, self.learnt) if self.act == "training" else (applying, None)
            )
            out = self.session.new_path("vessel")
            self.panel.start(self.act, job, self.cine, self.labels.data, out, done=done)
        if not self.begun:
            self.note(self.act)
            self.begun = True

    def learnt(self, path: Path) -> None:
        from napari_motionseg.viewmodel.session import Model

        self.session.add_model(Model(path, "segmentation", path.stem))

    def show(self, progress) -> None:
        """Take the masks of a frame as they come."""
        if isinstance(progress.preview, tuple):
            t, mask, *_ = progress.preview
            self.masks.data[t] = mask
            self.masks.refresh()


def training(cine, painted, out):
    """Train a small network for a few steps, again and again."""
    import dataclasses

    from napari_motionseg.io import Labels
    from napari_motionseg.segmentation import FinetuneSettings, finetune_job

    base = FinetuneSettings.recipe("tuned")
    network = dataclasses.replace(base.network, width=4)
    settings = dataclasses.replace(base, steps=6, crop=48, batch=1, network=network)
    examples = [(cine, Labels.from_painted(painted, "dense"))]
    return (yield from finetune_job(examples, settings, start="scratch", out=out))


def applying(cine, painted, out):
    """Segment all frames by the network that ships."""
    from napari_motionseg.models.model_card import checkpoint_path
    from napari_motionseg.segmentation import segment_job

    yield from segment_job(cine, checkpoint_path("default"))


def made_up():
    """Return a loop of noise with dark lines: what is in it does not matter here."""
    from napari_motionseg.cine import Cine

    pixels = np.random.default_rng(0).integers(90, 160, SHAPE, dtype=np.uint8)
    pixels[:, :, 40:46] = 40
    return Cine.from_array(pixels, frame_times=np.arange(SHAPE[0]) * 66.7)


if __name__ == "__main__":
    # a worker cannot import the functions of a script: take them from the module
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from kill import window

    window.Window(*sys.argv[1:]).go()
