"""The animation at the top of the README: `xvfb-run -a -s "-screen 0 1600x1000x24"
python scripts/path_gif.py`.

It walks the whole path in the real window on a synthetic loop, by mouse, and grabs the
window at each moment. Captions and the arrow of the mouse are drawn afterwards.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from qtpy.QtCore import QPoint
from whole_path import Moment, PathOptions, WholePath

from napari_motionseg.io import write_masks
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.synthesis import SynthesisConfig, synthesize_cine
from napari_motionseg.viewmodel import time_left

WINDOW = (1120, 840)  # high enough for the whole Segment dock
SEED, FRAMES, SIDE = 3, 10, 384
TRAINING_STEPS = 60
DOCK_PX = 440  # narrower docks get a horizontal scroll bar, and their tabs lose letters
BAR = 46  # px of the caption
INK, QUIET, PAPER, ACCENT = "#f2f3f5", "#7c818a", "#16181d", "#ff5c33"
COLOURS, RARE = 128, 32
CLEAR = 255  # the colour of pixels that stay as they are
SAME = 10  # gray values; smaller changes from the previous picture are not stored
ARROW = ((0, 0), (0, 17), (4, 13), (7, 20), (10, 19), (7, 12), (12, 12))
# Captions of the steps, and how long each picture of a step is shown, in ms
STEPS = {
    "start": ("1  Drop a loop into the window: DICOM, movie, TIFF", 800),
    "open": ("1  Drop a loop into the window: DICOM, movie, TIFF", 1400),
    "stroke": ("2  Paint a few strokes: the preview follows each of them", 260),
    "paint": ("2  Paint a few strokes: the preview follows each of them", 1500),
    "train_running": ("3  Train, and stop when the preview is good enough", 420),
    "train": ("3  Train, and stop when the preview is good enough", 900),
    "apply": ("4  Segment all frames, the displayed one first", 1100),
    "scrub": ("4  Every frame has its mask", 330),
    "threshold": ("5  Move the threshold: the masks change at once", 420),
    "judge": ("6  Compare with a reference, frame by frame", 1500),
    "export": ("7  Export masks, a movie and a report", 2600),
}


@dataclass
class Shot:
    """A picture, and how long it is shown in ms."""

    picture: Image.Image
    stays: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images/path.gif"))
    parser.add_argument("--frames", type=Path, help="A folder for the single pictures.")
    given = parser.parse_args()
    given.out = given.out.resolve()
    given.frames = given.frames and given.frames.resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["MOTIONSEG_STATE"] = str(folder / "state")
        shots = list(film(folder))
    if given.frames is not None:
        given.frames.mkdir(parents=True, exist_ok=True)
        for number, shot in enumerate(shots):
            shot.picture.save(given.frames / f"{number:02d}.png")
    write(shots, given.out)
    size = given.out.stat().st_size / 1e6
    seconds = sum(shot.stays for shot in shots) / 1000
    print(f"{given.out}: {len(shots)} pictures, {seconds:.0f} s, {size:.1f} MB")


def film(folder: Path) -> Iterator[Shot]:
    """Walk the path and take a picture of every moment that is told."""
    loop, truth = folder / "angiogram.dcm", folder / "truth.npz"
    config = SynthesisConfig(size=SIDE, frames=FRAMES, anatomy="coronary")
    made = synthesize_cine(config, seed=SEED)
    write_xa(loop, made.cine)
    write_masks(truth, made.masks.astype(np.uint8))
    os.chdir(folder)  # so that names are short where the window tells of files
    options = PathOptions(
        loop, Path(), truth, strokes=2, steps=TRAINING_STEPS, short=True
    )
    path = WholePath(options, WINDOW)
    path.make_room(DOCK_PX)
    # Processor time, so that the times in the pictures do not depend on other programs
    clock = SimpleNamespace(monotonic=time.process_time)
    with patch.object(time_left, "time", clock):
        for moment in path.moments():
            told = told_as(moment)
            if told is not None:
                words, stays = STEPS[told]
                yield Shot(drawn(path.grab(), words, told, path.pointer), stays)
    path.docks["Project"].controller.close()
    path.viewer.close()


def told_as(moment: Moment) -> str | None:
    """Return which of the steps a moment belongs to."""
    if moment.name in STEPS:
        return moment.name
    stem = moment.name.split("_")[0]
    return stem if stem in ("threshold", "export") else None


def drawn(
    window: Image.Image, words: str, step: str, pointer: QPoint | None
) -> Image.Image:
    """Return the window with its caption below and the mouse's arrow in it."""
    picture = Image.new("RGB", (window.width, window.height + BAR), PAPER)
    picture.paste(window, (0, 0))
    draw = ImageDraw.Draw(picture)
    if pointer is not None:
        shape = [(pointer.x() + x, pointer.y() + y) for x, y in ARROW]
        draw.polygon(shape, fill="white", outline="black")
    number, text = words.split("  ", 1)
    middle = window.height + BAR // 2
    font = ImageFont.load_default(size=19)
    draw.ellipse((14, middle - 13, 40, middle + 13), fill=ACCENT)
    draw.text((27, middle), number, "white", font, anchor="mm")
    draw.text((54, middle), text, INK, font, anchor="lm")
    steps = len({line.split("  ")[0] for line, _ in STEPS.values()})
    for place in range(steps):
        x = window.width - 22 * (steps - place)
        fill = ACCENT if place < int(number) else "#3a3e46"
        draw.ellipse((x, middle - 4, x + 8, middle + 4), fill=fill)
    return picture


def write(shots: Sequence[Shot], out: Path) -> None:
    """Write an animated GIF; pixels that hardly change stay, so that it is small."""
    pictures = [np.asarray(shot.picture).astype(np.int16) for shot in shots]
    for before, after in zip(pictures, pictures[1:], strict=False):
        same = (abs(after - before) <= SAME).all(axis=-1)
        after[same] = before[same]
    palette = shared_palette(pictures)
    frames = changes_only(pictures, palette)
    frames[0].save(
        out, save_all=True, append_images=frames[1:], loop=0, optimize=False,
        duration=[shot.stays for shot in shots], disposal=1, transparency=CLEAR,
    )  # fmt: skip


def changes_only(
    pictures: Sequence[np.ndarray], palette: Image.Image
) -> list[Image.Image]:
    """Return pictures of a palette, each clear where the previous one is the same.

    A clear pixel keeps its colour, and many of them in a row take hardly any bytes.

    Parameters
    ----------
    pictures
        Pictures ``(H, W, 3)`` in the order in which they are shown.
    palette
        Picture whose palette has at most `CLEAR` colours.
    """
    frames: list[Image.Image] = []
    before: np.ndarray | None = None
    for pixels in pictures:
        image = Image.fromarray(pixels.astype(np.uint8))
        shown = np.asarray(image.quantize(palette=palette, dither=Image.Dither.NONE))
        same = np.zeros(shown.shape, bool) if before is None else shown == before
        frame = Image.fromarray(np.where(same, CLEAR, shown).astype(np.uint8))
        frame.putpalette(padded(palette.getpalette() or []))
        frames.append(frame)
        before = shown
    return frames


def padded(colours: list[int]) -> list[int]:
    """Return a palette of 256 colours, so that all pictures have the same one."""
    return (colours + [0] * 768)[:768]


def shared_palette(pictures: Sequence[np.ndarray]) -> Image.Image:
    """Return the frequent colours of all pictures and a few rare ones."""
    some = np.vstack([pixels[::3, ::3] for pixels in pictures]).astype(np.uint8)
    image = Image.fromarray(some)
    # The colour of a brush covers too few pixels to be among the frequent ones
    ways = (COLOURS, Image.Quantize.MEDIANCUT), (RARE, Image.Quantize.MAXCOVERAGE)
    colours: list[int] = []
    for number, way in ways:
        found = image.quantize(number, method=way).getpalette()
        colours += (found or [])[: 3 * number]
    palette = Image.new("P", (1, 1))
    palette.putpalette(colours)
    return palette


if __name__ == "__main__":
    main()
