"""Make docs/images/guess.png: the first guess on the sample loop, before any label.

xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/screenshot_guess.py
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("MOTIONSEG_CACHE", "off")

import numpy as np
from real_window import RealWindow

from napari_motionseg.contributions import synthetic_angiogram
from napari_motionseg.widgets.common.open_docks import open_docks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    (frames, attributes, _), (truth, _, _) = synthetic_angiogram()
    window = RealWindow()
    window.viewer.add_image(frames, **attributes)
    window.docks = open_docks(window.viewer)
    window.settle(1.0)
    window.home()  # the docks have made the picture narrower
    window.show(int(np.asarray(truth).sum(axis=(1, 2)).argmax()))
    dock = window.front("Segment")
    window.click(dock.apply.guess_button)
    window.wait(lambda: not dock.panel.running)
    window.settle(0.5)
    window.shoot(given.out / "guess.png")
    window.viewer.close()


if __name__ == "__main__":
    main()
