"""Take a picture of every dock, in both themes, at several sizes and scalings:

    xvfb-run -a -s "-screen 0 3840x2400x24" python scripts/screenshots_docks.py
        --out DIR

Each combination is a process of its own, because Qt reads its scaling at the start. The
docks are used first: flow is estimated, an embedding shown, a frame painted. Pictures
are for looking at; those of the documentation are made by `screenshots.py`.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import subprocess
import sys
from itertools import product
from pathlib import Path

from coronary_loop import coronary_loop
from napari.utils.theme import get_theme
from qtpy.QtWidgets import QPushButton, QWidget
from real_window import RealWindow

from napari_motionseg.contributions import cine_layer
from napari_motionseg.synthesis import synthesize_cine
from napari_motionseg.widgets.common.open_docks import open_docks

THEMES, SIZES, SCALES = ("dark", "light"), ("1366x768", "1920x1200"), (1, 2)
LOOP_PX, FRAMES = 256, 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--themes", nargs="+", default=THEMES)
    parser.add_argument("--sizes", nargs="+", default=SIZES, help="in logical pixels")
    parser.add_argument("--scales", nargs="+", type=float, default=SCALES)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.here:
        size = tuple(int(side) for side in options.sizes[0].split("x"))
        name = f"{options.themes[0]}-{options.sizes[0]}-{options.scales[0]:g}x"
        Docks(size, options.themes[0], options.out / name).take()
        return
    for theme, size, scale in product(options.themes, options.sizes, options.scales):
        command = [
            sys.executable, __file__, "--here", "--out", str(options.out),
            "--themes", theme, "--sizes", size, "--scales", str(scale),
        ]  # fmt: skip
        environment = os.environ | {"QT_SCALE_FACTOR": str(scale)}
        subprocess.run(command, env=environment, check=True)


class Docks(RealWindow):
    """A window with a synthetic loop and all docks, which are used and pictured."""

    def __init__(self, size: tuple[int, int], theme: str, out: Path) -> None:
        super().__init__(size)
        self.window.move(0, 0)
        self.viewer.theme = get_theme(theme).id
        self.out = out
        made = synthesize_cine(coronary_loop(size=LOOP_PX, frames=FRAMES), seed=4)
        self.masks = made.masks
        self.frame = int(made.masks.sum(axis=(1, 2)).argmax())
        cine = dataclasses.replace(made.cine, name="synthetic loop")
        data, attributes, _ = cine_layer(cine)
        self.viewer.add_image(data, **attributes)
        self.docks = open_docks(self.viewer)
        self.settle(1.0)
        self.show(self.frame)

    def take(self) -> None:
        """Use and picture one dock after the other."""
        for name in self.docks:
            dock = self.front(name)
            use = getattr(self, f"use_{name.lower()}", None)
            if use is not None:
                use(dock)
            self.picture(name, dock)
        self.viewer.close()

    def picture(self, name: str, dock: QWidget) -> None:
        """Picture a dock as it opens, with all folds open, and further down."""
        stem = f"{self.out}-{name.lower()}"
        dock.verticalScrollBar().setValue(0)
        self.keep(Path(f"{stem}-1.png"))
        for fold in getattr(dock, "folds", ()):
            fold.open()
        self.settle(0.2)
        self.keep(Path(f"{stem}-2.png"))
        bar, number = dock.verticalScrollBar(), 3
        while bar.value() < bar.maximum():
            bar.setValue(bar.value() + dock.viewport().height() - 40)
            self.keep(Path(f"{stem}-{number}.png"))
            number += 1
        for fold in getattr(dock, "folds", ()):
            fold.open(False)
        bar.setValue(0)

    def keep(self, path: Path) -> None:
        """Write a picture of the window in all its colours."""
        self.settle(0.5)
        self.grab().save(path)
        print(path, flush=True)

    def use_motion(self, dock: QWidget) -> None:
        """Estimate flow by a quick method, and look at the default views."""
        dock.method.setCurrentText("ilk")
        self.show(self.frame - 3)
        self.click(dock.run_button)
        self.wait(lambda: not dock.panel.running)
        self.wait(lambda: not (dock.views.pictures.busy or dock.views.layers.busy))
        self.settle(0.5)

    def use_embedding(self, dock: QWidget) -> None:
        """Show the embedding of the network that ships."""
        views = self.docks["Motion"].views
        for box in views.boxes.values():
            box.setChecked(False)
        self.wait(lambda: not (views.pictures.busy or views.layers.busy))
        explorer = dock.explorer
        self.click(explorer.controls.on)
        self.wait(lambda: explorer.found is not None and not explorer.layers.busy)
        self.settle(0.5)

    def use_segment(self, dock: QWidget) -> None:
        """Take a first guess, where the dock has a button for it."""
        self.click(self.docks["Embedding"].explorer.clear_button)
        self.settle(1.0)
        found = [
            b for b in dock.findChildren(QPushButton) if b.text().startswith("First")
        ]
        if found and found[0].isEnabled():
            self.click(found[0])
            self.wait(lambda: not dock.panel.running)
            self.settle(0.5)


if __name__ == "__main__":
    main()
