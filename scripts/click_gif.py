"""Make docs/images/click.gif: clicks on a synthetic frame become a mask.

python scripts/click_gif.py
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from figure_clicks import SIZE, frame_to_click
from PIL import Image, ImageDraw

from napari_motionseg.cine.field_of_view import find_field_of_view
from napari_motionseg.guidance import (
    Clicks,
    click_scores,
    load_propagator,
    mask_of_scores,
)
from napari_motionseg.guidance.mask_of_clicks import THRESHOLDS
from napari_motionseg.viewmodel.guide_pictures import (
    NEGATIVE,
    POSITIVE,
    mask_picture,
)

OUT = Path(__file__).parents[1] / "docs" / "images" / "click.gif"
SHOWN_PX, GRAYS = 400, 128
MOVES, HOLD, LAST = 7, 8, 16  # frames of the animation
MS = 90
SOME = 4  # one picture in so many is searched for colours
ACCEPTED = 230  # opacity of an accepted mask
POINTER = ((0, 0), (0, 17), (4, 13), (7, 20), (10, 19), (7, 12), (12, 12))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="propagation-xa", help="checkpoint")
    options = parser.parse_args()
    frame, places = frame_to_click()
    propagator = load_propagator(options.model)
    prepared = propagator.prepare(frame)
    pictures = list(animated(propagator, prepared, frame, places))
    palette = shared_palette(pictures)
    frames = [
        Image.fromarray(one).quantize(palette=palette, dither=Image.Dither.NONE)
        for one in pictures
    ]
    frames[0].save(OUT, save_all=True, append_images=frames[1:], duration=MS, loop=0)


def shared_palette(pictures: Sequence[np.ndarray]) -> Image.Image:
    """Return grays, and as many colours of all pictures ``(H, W, 3)``.

    With one palette, only what changes between pictures is stored.
    """
    some = Image.fromarray(np.vstack(pictures[::SOME]))
    colors = some.quantize(GRAYS, method=Image.Quantize.MAXCOVERAGE).getpalette()
    grays = np.linspace(0, 255, GRAYS).round().astype(int)
    palette = Image.new("P", (1, 1))
    palette.putpalette([*grays.repeat(3).tolist(), *(colors or [])[: 3 * GRAYS]])
    return palette


def animated(propagator, prepared, frame, places) -> Iterator[np.ndarray]:
    """Yield the frames of the animation, ``(H, W, 3)`` uint8."""
    seen = find_field_of_view(frame[None]).inner()
    clicks, overlay, pointer = Clicks(()), None, (SIZE * 0.9, SIZE * 0.9)
    for place in places:
        for step in range(1, MOVES + 1):
            share = step / MOVES
            at = tuple(
                (1 - share) * a + share * b for a, b in zip(pointer, place, strict=True)
            )
            yield drawn(frame, overlay, clicks, at)
        pointer, clicks = place, Clicks((*clicks.positive, place))
        yield drawn(frame, overlay, clicks, pointer)
        scores = seen * click_scores(propagator, prepared, clicks)
        mask = mask_of_scores(scores, THRESHOLDS["branch"], clicks.positive)
        overlay = mask_picture(mask, scores, 1)
        yield from (drawn(frame, overlay, clicks, pointer) for _ in range(HOLD))
    # what else vessels connect to the clicks
    scores = seen * click_scores(propagator, prepared, clicks, extent="tree")
    mask = mask_of_scores(scores, THRESHOLDS["tree"])
    overlay = mask_picture(mask, scores, 1)
    yield from (drawn(frame, overlay, clicks, pointer) for _ in range(HOLD))
    overlay[mask, 3] = ACCEPTED  # drawn like paint
    yield from (drawn(frame, overlay, Clicks(()), pointer) for _ in range(LAST))


def drawn(frame, overlay, clicks, pointer) -> np.ndarray:
    """Return a frame with mask, points and pointer."""
    gray = np.round(255 * frame).astype(np.uint8)
    image = Image.fromarray(gray).convert("RGBA")
    if overlay is not None:
        image = Image.alpha_composite(image, Image.fromarray(overlay))
    image = image.convert("RGB").resize((SHOWN_PX, SHOWN_PX), Image.Resampling.LANCZOS)
    draw, scale = ImageDraw.Draw(image), SHOWN_PX / SIZE
    for points, color in ((clicks.positive, POSITIVE), (clicks.negative, NEGATIVE)):
        for row, column in points:
            x, y = column * scale, row * scale
            draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=color, outline="black")
    x, y = pointer[1] * scale, pointer[0] * scale
    draw.polygon([(x + a, y + b) for a, b in POINTER], fill="white", outline="black")
    return np.asarray(image)


if __name__ == "__main__":
    main()
