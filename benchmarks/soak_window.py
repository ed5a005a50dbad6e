"""Open and close loops in the real window, and see whether anything is left behind:

    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/soak_window.py

All docks are open. Each loop is a file of its own; it is opened, looked through and
painted on; in every fifth a job (flow in a child process) runs too. Then its layers are
removed. After each, resident memory, threads, file handles, temporary files and child
processes are noted: after a few loops they must stay where they are.
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from machine import here_and_now
from napari.viewer import Viewer
from qtpy.QtWidgets import QApplication

from napari_motionseg.cine import Cine, FrameStack
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.motion import FlowSettings
from napari_motionseg.synthesis import SynthesisConfig, synthesize_cine
from napari_motionseg.viewmodel.layer_jobs import FlowRequest, flow_layer_job
from napari_motionseg.widgets.cine.dock import CineDock
from napari_motionseg.widgets.common.project_controller import controller_of
from napari_motionseg.widgets.embedding.dock import EmbeddingDock
from napari_motionseg.widgets.motion.dock import MotionDock
from napari_motionseg.widgets.project.dock import ProjectDock
from napari_motionseg.widgets.segment.dock import SegmentDock

DOCKS = (CineDock, MotionDock, EmbeddingDock, SegmentDock, ProjectDock)
SIDE, FRAMES = 128, 12
JOB_EVERY = 5
SETTLED = 10  # loops after which nothing may grow any more
PATIENCE_S = 300.0


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        room = Path(name)
        os.environ["MOTIONSEG_STATE"] = str(room / "state")
        os.environ["MOTIONSEG_CACHE"] = str(room / "cache")
        os.environ["TMPDIR"] = tempfile.tempdir = str(room / "tmp")
        (room / "tmp").mkdir()
        soak(room)


def add_alone(path: Path) -> None:
    """Measure napari without this program, and write it beside what was measured."""
    viewer, rows = Viewer(), []
    for number in range(2 * SETTLED):
        draw = np.random.default_rng(number)
        shape = (FRAMES, SIDE, SIDE)
        viewer.add_image(draw.integers(0, 255, shape, dtype=np.uint8))
        viewer.add_labels(np.zeros(shape, np.uint8))
        settle(0.4)
        for t in range(0, FRAMES, 3):
            viewer.dims.set_point(0, t)
            settle(0.02)
        viewer.layers.clear()
        settle(0.5)
        rows.append({"loop": number + 1, **measured()})
    found = {**json.loads(path.read_text()), "napari_mib_a_loop": slope(rows)}
    path.write_text(json.dumps(found, indent=1) + "\n")
    print(found["napari_mib_a_loop"])


def soak(room: Path) -> None:
    """Open and close the loops, and write what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loops", type=int, default=30)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--alone", action="store_true", help="napari without docks")
    options = parser.parse_args()
    if options.alone:
        add_alone(options.out / "soak_window.json")
        return
    viewer = Viewer(title="MotionSeg")
    for dock in DOCKS:
        viewer.window.add_dock_widget(dock(viewer), name=dock.__name__)
    rows = []
    cine = synthesize_cine(SynthesisConfig(size=SIDE, frames=FRAMES), seed=0).cine
    for number in range(options.loops):
        job = number % JOB_EVERY == JOB_EVERY - 1
        work_on(viewer, loop_file(cine, number, room / "loops"), job)
        rows.append({"loop": number + 1, "job": job, **measured()})
        print(json.dumps(rows[-1]), flush=True)
    viewer.close()
    settle(0.5)
    after = measured()
    options.out.mkdir(parents=True, exist_ok=True)
    found = {
        "size": SIDE, "frames": FRAMES, "loops": rows, "after_closing": after,
        "settled_after": SETTLED, "mib_a_loop": slope(rows), **here_and_now(),
    }  # fmt: skip
    (options.out / "soak_window.json").write_text(json.dumps(found, indent=1) + "\n")


def loop_file(cine: Cine, number: int, folder: Path) -> Path:
    """Write a loop of its own: the synthetic one, shifted, with other noise."""
    path = folder / f"loop{number}.dcm"
    folder.mkdir(exist_ok=True)
    noise = np.random.default_rng(number).normal(0, 3, cine.shape)
    pixels = np.roll(cine.frames[:], number, axis=2) + noise
    frames = FrameStack.from_array(np.clip(pixels, 0, 255).astype(np.uint8))
    write_xa(path, dataclasses.replace(cine, frames=frames, bits_stored=8))
    return path


def work_on(viewer: Viewer, path: Path, job: bool) -> None:
    """Open a loop, look through it, paint, and take it out of the window again."""
    controller = controller_of(viewer)
    (image,) = viewer.open(path, plugin="napari-motionseg")
    settle(0.3)
    for t in range(0, FRAMES, 3):
        viewer.dims.set_point(0, t)
        settle(0.02)
    labels = next((x for x in viewer.layers if x.name.endswith("labels")), None)
    if labels is None:
        labels = viewer.add_labels(
            np.zeros(image.data.shape, np.uint8), name=f"{image.name} labels",
            scale=image.scale,
        )  # fmt: skip
    for t in (2, 5):
        grid = np.mgrid[t : t + 1, 40:60, 50:90].reshape(3, -1)
        labels.data_setitem(tuple(grid), 2)
    settle(0.3)
    if not controller.flush():
        raise RuntimeError(controller.status.message)
    if job:
        run_job(controller.session, image)
    viewer.layers.clear()
    until(lambda: not len(viewer.layers))
    settle(0.7)  # what a dock does with a delay


def run_job(session: Any, image: Any) -> None:
    """Estimate the flow of a loop in a child process, as the Motion dock does."""
    cine = session.loop(image).cine
    settings = FlowSettings(method="ilk", gap=1)
    job = session.start(
        "flow", flow_layer_job, cine, [FlowRequest(settings)], session.folder, 0
    )
    until(lambda: (list(job.poll()), not job.running)[1])
    session.job_ended(job)
    flows = [stored.open() for stored in job.result]
    session.set_flow(session.loop(image), flows[0])


def until(true: Callable[[], bool]) -> None:
    """Let the window live until something is true."""
    end = time.monotonic() + PATIENCE_S
    while not true():
        if time.monotonic() > end:
            raise RuntimeError("the window did not come to it")
        settle(0.02)


def settle(seconds: float) -> None:
    """Let the window live for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)


def measured() -> dict[str, float]:
    """Return what this process holds now."""
    gc.collect()
    process = psutil.Process()
    temporary = Path(os.environ["TMPDIR"])
    return {
        "mib": round(process.memory_info().rss / 2**20, 1),
        "threads": process.num_threads(),
        "handles": process.num_fds() if hasattr(process, "num_fds") else 0,
        "temporary_files": sum(path.is_file() for path in temporary.rglob("*")),
        "children": len(process.children(recursive=True)),
    }


def slope(rows: list[dict[str, Any]]) -> float:
    """Return by how many MiB memory grows a loop, once things have settled."""
    late = [(row["loop"], row["mib"]) for row in rows if row["loop"] > SETTLED]
    if len(late) < 2:
        return 0.0
    loops, mib = np.transpose(late)
    return round(float(np.polyfit(loops, mib, 1)[0]), 2)


if __name__ == "__main__":
    main()
