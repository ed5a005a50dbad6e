"""How fast the explorer answers: in the real window, and its numerics alone.

    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/explorer.py

A synthetic loop of 512 x 512 px with its exact flow, the network that ships (64
dimensions), two threads. A move of the anchor counts from the mouse event to the end of
the first drawing that shows both maps of that very position.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("MOTIONSEG_CACHE", "off")

import numpy as np
import torch
from machine import here_and_now
from napari.viewer import Viewer
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_motionseg.contributions import cine_layer
from napari_motionseg.embedding import FrameVectors, Palette, embed_frame
from napari_motionseg.embedding.projection import sample_vectors
from napari_motionseg.models import load_model
from napari_motionseg.motion import FlowSequence
from napari_motionseg.synthesis import SynthesisConfig, synthesize_cine
from napari_motionseg.widgets.common.open_docks import open_docks

SIZE, SEED = 512, 900_100
ANCHOR_MS, WORST_ANCHOR_MS, PASSES, PROJECTION_MS = 40, 100, 2.0, 60
BLOCKED_MS, FRAME_S = 100, 1.5
TICK_MS = 5
PATIENCE_S = 600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moves", type=int, default=200)
    parser.add_argument("--frames", type=int, default=20)
    results = Path(__file__).parent / "results"
    parser.add_argument("--out", type=Path, default=results / "explorer.json")
    options = parser.parse_args()
    torch.set_num_threads(2)
    made = synthesize_cine(SynthesisConfig(size=SIZE, frames=options.frames), seed=SEED)
    rows = numerics_rows(made.cine.normalized(options.frames // 2))
    rows += Window(made).rows(options.moves)
    report = {"size": SIZE, "moves": options.moves, **here_and_now(), "rows": rows}
    options.out.write_text(json.dumps(report, indent=2) + "\n")
    for row in rows:
        print(row, flush=True)


def row(what: str, bar: str, measured: str, passed: bool) -> dict:
    return {"what": what, "bar": bar, "measured": measured, "passed": bool(passed)}


def best_seconds(function: Callable[[], object], repeats: int = 15) -> float:
    function()
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        function()
        times.append(time.perf_counter() - begun)
    return min(times)


def numerics_rows(frame: np.ndarray) -> list[dict]:
    """Return similarity, projection and embedding of one frame."""
    network, _ = load_model("default")
    embed = best_seconds(lambda: embed_frame(network, frame), 3)
    half = embed_frame(network, frame).astype(np.float16)
    vectors = FrameVectors(half)
    flat = vectors.flat.reshape(-1)
    one_pass = best_seconds(lambda: np.dot(flat, flat))
    similarity = best_seconds(lambda: vectors.similarity([(SIZE // 2, SIZE // 2)]))
    sample = sample_vectors(half)
    seeds = iter(range(1000))
    projection = best_seconds(
        lambda: Palette.of(sample, seed=next(seeds)).colors(vectors)
    )
    ratio = similarity / one_pass
    return [
        row(
            "similarity map of one anchor", f"{PASSES:g} passes over the vectors",
            f"{ratio:.2f} passes ({1e3 * similarity:.1f} ms; one {1e3 * one_pass:.1f})",
            ratio <= PASSES,
        ),
        row(
            "new random projection of one frame", f"{PROJECTION_MS} ms",
            f"{1e3 * projection:.1f} ms", 1e3 * projection <= PROJECTION_MS,
        ),
        row(
            "network that ships embeds one frame, CPU", f"{FRAME_S} s",
            f"{embed:.2f} s", embed <= FRAME_S,
        ),
    ]  # fmt: skip


class Window:
    """The real window with a loop, its flow and the explorer."""

    def __init__(self, made) -> None:
        self.viewer = Viewer(title="MotionSeg")
        self.viewer.window._qt_window.resize(1440, 900)
        data, attributes, _ = cine_layer(made.cine)
        self.layer = self.viewer.add_image(data, **attributes)
        self.explorer = open_docks(self.viewer)["Embedding"].explorer
        session = self.explorer.session
        flows = np.stack([made.flow(t, t + 1) for t in range(len(made.cine) - 1)])
        sequence = FlowSequence(flows, None, 1, "exact")
        session.set_flow(session.loop(self.layer), sequence)
        self.native = self.viewer.window._qt_viewer.canvas.native
        self.drawn = 0.0
        canvas = self.viewer.window._qt_viewer.canvas._scene_canvas
        canvas.events.draw.connect(self.note, position="last")

    def note(self, event: object = None) -> None:
        self.drawn = time.perf_counter()

    def rows(self, moves: int) -> list[dict]:
        blocked = self.embed_all()
        times = 1e3 * self.move_anchor(moves)
        self.explorer.clear()
        self.wait(
            lambda: not (self.explorer.pictures.busy or self.explorer.layers.busy)
        )
        self.viewer.close()
        median, worst = np.median(times), times.max()
        return [
            row(
                "anchor moved, both maps shown, median", f"{ANCHOR_MS} ms",
                f"{median:.1f} ms", median <= ANCHOR_MS,
            ),
            row(
                f"the same, worst of {moves} moves", f"{WORST_ANCHOR_MS} ms",
                f"{worst:.0f} ms", worst <= WORST_ANCHOR_MS,
            ),
            row(
                "longest wait of the window while a loop is embedded",
                f"{BLOCKED_MS} ms", f"{blocked:.0f} ms", blocked <= BLOCKED_MS,
            ),
        ]  # fmt: skip

    def embed_all(self) -> float:
        """Embed the loop in the background; return the longest gap of a timer, ms."""
        explorer = self.explorer
        explorer.controls.on.click()
        self.wait(lambda: explorer.found is not None and not explorer.layers.busy)
        ticks: list[float] = []
        timer = QTimer()
        timer.timeout.connect(lambda: ticks.append(time.perf_counter()))
        timer.start(TICK_MS)
        self.wait(lambda: explorer.feed.known() == (len(self.layer.data),) * 2)
        timer.stop()
        self.wait(lambda: not explorer.pictures.busy and not explorer.feed.busy)
        return 1e3 * float(np.diff(ticks).max())

    def move_anchor(self, moves: int) -> np.ndarray:
        """Drag the anchor in small steps; return seconds of each."""
        row, column = self.explorer.anchors.positions[0]
        left = Qt.MouseButton.LeftButton
        QTest.mousePress(self.native, left, pos=self.at(row, column))
        times = []
        for step in range(1, moves + 1):
            angle = step / 15
            target = self.at(
                row + 60 * np.sin(angle), column + 60 * (1 - np.cos(angle))
            )
            begun = time.perf_counter()
            QTest.mouseMove(self.native, target)
            self.wait(lambda begun=begun: self.is_shown(begun), pause_s=0.0)
            times.append(self.drawn - begun)
        QTest.mouseRelease(self.native, left, pos=target)
        return np.array(times)

    def is_shown(self, since: float) -> bool:
        """Return whether maps of where the anchor is were drawn."""
        explorer = self.explorer
        here = explorer.found.request.anchors.positions == explorer.anchors.positions
        return here and self.drawn > max(since, explorer.shown_at)

    def at(self, row: float, column: float) -> QPoint:
        """Return where the canvas shows a pixel of the loop."""
        world = self.layer.data_to_world((0, row, column))
        transform = self.viewer.window._qt_viewer.canvas.view.scene.transform
        x, y = transform.map([world[2], world[1]])[:2]
        return QPoint(round(x), round(y))

    def wait(self, done: Callable[[], bool], pause_s: float = 0.002) -> None:
        begun = time.perf_counter()
        while not done():
            QApplication.processEvents()
            time.sleep(pause_s)
            if time.perf_counter() - begun > PATIENCE_S:
                raise TimeoutError("the window did not get there")


if __name__ == "__main__":
    main()
