"""Walk the whole path in the real window on a loop, with a picture at each step:
`xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/walk_path.py CINE --out DIR`.

From the file to masks, overlay and report, all by mouse. With ``--labels FILE`` the
strokes follow those masks and the result is judged by them; without, they follow the
first guess. Pictures, project and exports go to ``--out`` and nowhere else. Each line
says the longest pause of the window since the line before, in ms.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from real_window import SIZE, with_few_colors
from whole_path import PathOptions, WholePath
from window_ticks import Ticks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cine", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--frame", type=int)
    parser.add_argument("--strokes", type=int, default=4)
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--enough", type=int, default=0, help="Frames, then Stop.")
    parser.add_argument("--size", type=int, nargs=2, default=SIZE, help="In pixels.")
    parser.add_argument("--theme", default="dark", choices=["dark", "light"])
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as state:
        os.environ["MOTIONSEG_STATE"] = state  # not among the user's own projects
        walk(given)


def walk(given: argparse.Namespace) -> None:
    options = PathOptions(
        given.cine, given.out, given.labels, given.frame, given.strokes, given.steps,
        given.enough,
    )  # fmt: skip
    path = WholePath(options, tuple(given.size))
    path.viewer.theme = given.theme
    begun, number, ticks, longest_ms = time.perf_counter(), 0, Ticks(), 0.0
    ticks.start()
    for moment in path.moments():
        longest_ms = max(longest_ms, ticks.stop())  # pictures are not the user's time
        if moment.key or moment.name == "start":
            path.settle(0.4)
            number += 1
            file = given.out / f"{number:02d}_{moment.name}.png"
            picture = path.grab() if moment.picture is None else moment.picture
            with_few_colors(picture).save(file, optimize=True)
            seconds = time.perf_counter() - begun
            print(
                f"{seconds:6.0f} s  {longest_ms:5.0f} ms  {file.name}  {moment.words}",
                flush=True,
            )
            longest_ms = 0.0
        ticks.start()
    ticks.stop()
    path.docks["Project"].controller.close()
    path.viewer.close()


if __name__ == "__main__":
    main()
