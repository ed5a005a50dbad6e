"""The tasks of `window.py` in napari-convpaint; runs in an environment of its own.

    python window_convpaint.py JOB.json
    python window_convpaint.py --weights HOME

`window.py` starts it with the loop, the strokes and the time of the start, and reads
what it prints. The features are the best of those that need no download of weights.
The second form writes random weights of VGG16, which the plugin downloads at its start
but which these features do not use.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QTabWidget
from window_hand import button, dice, load_average, mean_dice, settle, wait
from window_task import GOAL, WindowTask

FEATURES = ("ilastik_2d", "gaussian_features")  # the first that is installed
VESSEL, BACKGROUND = 2, 1
WIDGET = ("Plugins", "ConvPaint")
ROUNDS = 4
VGG16 = "vgg16-397923af.pth"


def main() -> None:
    warnings.simplefilter("ignore")
    operators = declare_torchvision_operators()
    if sys.argv[1] == "--weights":
        write_random_weights(Path(sys.argv[2]))
        return
    job = json.loads(Path(sys.argv[1]).read_text())
    found = Convpaint(job).run()
    del operators
    Path(job["out"]).write_text(json.dumps(found, indent=1))


def declare_torchvision_operators() -> Any:
    """Let torchvision be imported beside a torch for processors.

    PyPI's torchvision is built for CUDA. Where its libraries are missing, its operators
    are not registered, and its import fails for two of them. No feature that is used
    here calls them, so they are declared and not defined. The library is returned,
    because the declarations end with it.
    """
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        with suppress(RuntimeError):  # torchvision has registered it itself
            library.define(
                f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            )
    return library


def write_random_weights(home: Path) -> None:
    """Write weights where the plugin looks for those that it has downloaded."""
    import torch
    from torchvision.models import vgg16

    path = home / ".cache" / "torch" / "hub" / "checkpoints" / VGG16
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(vgg16(weights=None).state_dict(), path)


class Convpaint(WindowTask):
    """Open the loop, paint, train and segment in napari-convpaint.

    Parameters
    ----------
    job
        The job of `window.py`.
    """

    def __init__(self, job: dict[str, Any]) -> None:
        super().__init__(job, "convpaint")
        self.blocks: dict[str, float] = {}

    def run(self) -> dict[str, Any]:
        settle(0.5)
        (self.loop,) = self.viewer.open(self.job["movie"], plugin="napari")
        self.hand.clicks += 1  # the file is dropped
        opened = time.time()
        self.hand.menu(*WIDGET)
        settle(0.5)
        self.widget = list(self.viewer.window.dock_widgets.values())[-1]
        features = self.choose_features()
        self.viewer.dims.set_point(0, self.job["frame"])
        self.press("Add annotations layer")
        self.labels = self.viewer.layers.selection.active
        self.begun_clicks, self.begun = self.hand.clicks, time.time()
        rounds = self.paint_until_good()
        before = time.time()
        self.press("Segment stack")
        wait(lambda: self.masks().reshape(len(self.truth), -1).any(axis=1).all(), 900)
        ended = time.time()
        masks = self.masks() == VESSEL
        return {
            "version": version("napari-convpaint"), "features": features,
            "launch_s": opened - self.job["started"],
            "all_frames": {
                "clicks": self.hand.clicks, "seconds": ended - self.job["started"],
                "dice": mean_dice(masks, self.truth),
            },
            "rounds": rounds, "stack_s": ended - before,
            "blocks_ms": self.blocks, "load": load_average(),
        }  # fmt: skip

    def choose_features(self) -> str:
        """Choose the features in the tab of models, and set them."""
        tabs = self.widget.findChildren(QTabWidget)[0]
        names = [tabs.tabText(index) for index in range(tabs.count())]
        tabs.setCurrentIndex(names.index("Models"))
        box = self.widget.qcombo_fe_type
        wait(lambda: box.count() > 0, 120)
        known = [box.itemText(index) for index in range(box.count())]
        chosen = next(name for name in FEATURES if name in known)
        self.hand.clicks += 1  # the tab
        self.hand.choose(box, chosen)
        self.press("Set feature extractor")
        tabs.setCurrentIndex(names.index("Home"))
        self.hand.clicks += 1
        settle(0.3)
        return chosen

    def paint_until_good(self) -> list[dict[str, float]]:
        """Paint strokes, train and segment the frame, until it is good enough."""
        rounds, frame = [], self.job["frame"]
        for number in range(ROUNDS):
            for label, kind in ((VESSEL, "vessel"), (BACKGROUND, "background")):
                self.take(label)
                for route in self.job["routes"][kind][number]:
                    self.hand.stroke(route, self.at)
            self.press("Train")
            wait(lambda: self.widget.segment_btn.isEnabled(), 600)
            if not self.widget.auto_seg:  # else *Train* has segmented the frame
                self.press("Segment image")
            settle(0.2)
            found = dice(self.masks()[frame] == VESSEL, self.truth[frame])
            rounds.append(
                {
                    "clicks": self.hand.clicks - self.begun_clicks,
                    "seconds": time.time() - self.begun, "dice": found,
                }
            )  # fmt: skip
            if found >= GOAL:
                break
        return rounds

    def take(self, label: int) -> None:
        """Take the brush of a label by the plugin's own shortcut."""
        self.viewer.layers.selection.active = self.labels
        key = {BACKGROUND: Qt.Key.Key_Q, VESSEL: Qt.Key.Key_W}[label]
        self.hand.key(key, Qt.KeyboardModifier.ShiftModifier)
        self.labels.selected_label, self.labels.mode = label, "paint"
        self.labels.brush_size = self.job["brush"]

    def press(self, words: str) -> None:
        """Press a button; the plugin works within the click, which is the block."""
        begun = time.perf_counter()
        self.hand.press(button(self.widget, words))
        block = 1e3 * (time.perf_counter() - begun)
        self.blocks[words] = max(block, self.blocks.get(words, 0.0))
        settle(0.05)

    def masks(self) -> np.ndarray:
        """Return the plugin's segmentation; zeros before there is one."""
        for layer in self.viewer.layers:
            if "segmentation" in layer.name.lower():
                return np.asarray(layer.data)
        return np.zeros(self.truth.shape, np.uint8)


if __name__ == "__main__":
    main()
