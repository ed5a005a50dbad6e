"""The tasks of `window.py` in this program's own window.

    python window_motionseg.py JOB.json

`window.py` starts it with the loop, the strokes and the time of the start. Everything
is done by mouse and keyboard; the state of a dock is only looked at, to know when a job
has ended.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Labels
from window_buttons import ButtonTimes
from window_hand import button, dice, load_average, mean_dice, settle, wait
from window_task import GOAL, WindowTask

PLUGIN = "napari-motionseg"
MENU = ("Plugins", "MotionSeg")
LIKELY = 0.5  # probability from which the preview counts as vessel
PREVIEW = "preview"


def main() -> None:
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", type=Path, help="JSON file of the job, by window.py")
    job = json.loads(parser.parse_args().job.read_text())
    found = Window(job).run()
    Path(job["out"]).write_text(json.dumps(found, indent=1))


class OutOfTime(RuntimeError):
    """No further button is pressed: the time of the whole measurement is over."""


class Window(WindowTask):
    """Open the loop, paint, train and segment, and press the buttons of all docks.

    Parameters
    ----------
    job
        The job of `window.py`.
    """

    def __init__(self, job: dict[str, Any]) -> None:
        super().__init__(job, "MotionSeg")
        self.buttons = ButtonTimes(self.viewer, self.hand)

    def run(self) -> dict[str, Any]:
        found = {"launch_s": self.open_loop(), "all_frames": self.first_guess()}
        found |= self.paint_until_good()
        with suppress(OutOfTime):
            self.press_the_others()
        self.viewer.close()
        settle(0.5)
        found["buttons"] = self.buttons.beside_bare_napari(self.job["window"])
        return found | {"load": load_average()}

    def open_loop(self) -> float:
        """Open the file, and return the seconds since the program was started."""
        settle(0.5)
        (self.loop,) = self.viewer.open(self.job["loop"], plugin=PLUGIN)
        self.hand.clicks += 1  # the file is dropped
        settle(0.2)
        return time.time() - self.job["started"]

    def first_guess(self) -> dict[str, float]:
        """Have all frames segmented before anything is painted."""
        dock = self.dock = self.open_dock("Segment")
        self.viewer.dims.set_point(0, self.job["frame"])
        self.press(dock, "First guess", lambda: not dock.panel.running)
        return {
            "clicks": self.hand.clicks,
            "seconds": time.time() - self.job["started"],
            "dice": self.dice_of_all(),
        }

    def paint_until_good(self) -> dict[str, Any]:
        """Paint strokes until the preview of the frame is good; then train on them."""
        clicks, begun, frame = self.hand.clicks, time.time(), self.job["frame"]
        rounds: list[dict[str, float]] = []
        for number in range(len(self.job["routes"]["vessel"])):
            self.paint_round(number)
            wait(lambda: not self.dock.live.latest.busy)
            settle(0.1)
            rounds.append(self.moment(clicks, begun, self.preview()[...]))
            if rounds[-1]["dice"] >= GOAL:
                break
        running = self.dock.panel
        self.press(self.dock, "Train", lambda: not running.running)
        self.press(self.dock, "Segment all", lambda: not running.running)
        trained = self.moment(clicks, begun, self.masks()[frame])
        return {"rounds": rounds, "trained": trained | {"all": self.dice_of_all()}}

    def paint_round(self, number: int) -> None:
        """Paint the strokes of one round, vessel first."""
        for kind in ("Vessel", "Background"):
            self.hand.press(button(self.dock, kind))
            settle(0.1)
            self.viewer.layers.selection.active.brush_size = self.job["brush"]
            for route in self.job["routes"][kind.lower()][number]:
                self.hand.stroke(route, self.at)

    def moment(self, clicks: int, begun: float, mask: Any) -> dict[str, float]:
        """Return clicks and seconds since the first stroke, and the frame's Dice."""
        return {
            "clicks": self.hand.clicks - clicks, "seconds": time.time() - begun,
            "dice": dice(mask, self.truth[self.job["frame"]]),
        }  # fmt: skip

    def press_the_others(self) -> None:
        """Press the buttons of the other docks, each once."""
        motion = self.open_dock("Motion")
        motion.method.setCurrentText("ilk")  # quick; the block is that of any method
        views = motion.views

        def flow_shown() -> bool:
            busy = views.pictures.busy or views.layers.busy
            return not motion.panel.running and views.scene is not None and not busy

        self.press(motion, "Estimate flow", flow_shown)
        for name in views.boxes:
            self.toggle(f"{name} on or off", views.boxes[name], flow_shown)
        embedding = self.open_dock("Embedding")
        explorer = embedding.explorer

        def pictures_shown() -> bool:
            return not (explorer.pictures.busy or explorer.layers.busy)

        self.press(
            embedding,
            "Show embedding",
            lambda: explorer.found is not None and pictures_shown(),
        )
        for fold in embedding.folds:
            fold.open()
        self.press(embedding, "New projection", pictures_shown)
        self.press(embedding, "Remove all", pictures_shown)
        embedding.learning.steps.setValue(4)
        learning = embedding.learning.panel
        self.press(embedding, "Learn from motion", lambda: not learning.running)

    def press(self, dock: Any, words: str, done: Any) -> None:
        """Press a button, wait until it is done, and keep the longest block."""
        if time.time() - self.job["started"] > self.job["most_s"]:
            raise OutOfTime
        self.buttons.measure(words, lambda: self.hand.press(button(dock, words)), done)

    def toggle(self, words: str, box: Any, done: Any) -> None:
        """Tick a box, or clear it."""
        if box.isEnabled():
            self.buttons.measure(words, lambda: self.hand.press(box), done)

    def open_dock(self, name: str) -> Any:
        """Open a dock from the menu, and return its widget."""
        known = set(self.viewer.window.dock_widgets)
        self.buttons.measure(
            f"open the {name} dock", lambda: self.hand.menu(*MENU, name), lambda: True
        )
        docks = self.viewer.window.dock_widgets
        fresh = [docks[key] for key in docks if key not in known]
        found = [
            d for d in (*fresh, *docks.values()) if type(d).__name__ == f"{name}Dock"
        ]
        for fold in getattr(found[0], "folds", ()):
            fold.open()
        return found[0]

    def masks(self) -> np.ndarray:
        """Return the masks of all frames; zeros before there are any."""
        for layer in reversed(self.viewer.layers):
            if isinstance(layer, Labels) and "masks" in layer.name:
                return np.asarray(layer.data) > 0
        return np.zeros(self.truth.shape, bool)

    def preview(self) -> np.ndarray:
        """Return where the preview of the shown frame takes the vessel for likely."""
        for layer in self.viewer.layers:
            if layer.metadata.get("motionseg") == PREVIEW:
                return vessel_of(np.asarray(layer.data))
        return np.zeros(self.truth.shape[1:], bool)

    def dice_of_all(self) -> float:
        """Return the mean Dice of the frames that hold vessel."""
        return mean_dice(self.masks(), self.truth)


def vessel_of(picture: np.ndarray) -> np.ndarray:
    """Return where a preview is opaque enough for a probability of `LIKELY`."""
    from napari_motionseg.viewmodel.class_colors import class_picture

    halves = np.array([1 - LIKELY, LIKELY], np.float32)[:, None, None]
    return picture[..., 3] >= class_picture(halves)[0, 0, 3]


if __name__ == "__main__":
    main()
