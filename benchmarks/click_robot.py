"""A robot that clicks or paints on the largest error until a mask is good."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage.morphology import skeletonize

from napari_motionseg.evaluation.simulated_clicks import next_click
from napari_motionseg.guidance import Clicks, click_scores, mask_of_scores
from napari_motionseg.guidance.mask_of_clicks import THRESHOLDS
from napari_motionseg.segmentation.live_preview import LiveHead
from napari_motionseg.segmentation.metrics import dice

GOOD, MOST = 0.8, 12  # Dice to reach, and clicks or strokes after which one gives up
STROKE_PX, BRUSH_PX = 50, 2.0  # of the painting robot, as in `simulated_strokes`


def clicks_needed(propagator, prepared, field, truth, guess) -> tuple[int, float]:
    """Return the number of clicks until the mask is good, and its Dice.

    All clicks together describe the mask, as in the window: without a first guess, the
    tree that is connected to them; else all vessels of the frame.
    """
    extent = "tree" if guess is None else "vessels"
    found = np.zeros_like(truth) if guess is None else guess
    places: dict[tuple[int, int], bool] = {}
    count, score = 0, dice(found, truth)
    while score < GOOD and count < MOST:
        click = next_click(found, truth)
        if click is None:
            break
        places[click.row, click.column] = click.missing
        found = mask_of(propagator, prepared, places, extent) & field
        count, score = count + 1, dice(found, truth)
    return count, float(score)


def mask_of(propagator, prepared, places, extent) -> np.ndarray:
    """Return the mask of clicks on what is missing, and on what is superfluous."""
    on, beside = (
        tuple(place for place, missing in places.items() if missing == wanted)
        for wanted in (True, False)
    )
    scores = click_scores(propagator, prepared, Clicks(on, beside), extent)
    return mask_of_scores(scores, THRESHOLDS[extent])


def strokes_needed(view, truth) -> tuple[int, float]:
    """Return the number of strokes until the live preview is good, and its Dice."""
    head = LiveHead(2)
    target = np.full(truth.shape, -1, np.int16)
    found, count, score = np.zeros_like(truth), 0, 0.0
    while score < GOOD and count < MOST:
        click = next_click(found, truth)
        if click is None:
            break
        stroke = stroke_at(click, truth)
        target[stroke] = int(click.missing)
        head.paint(0, view, target)
        found = head.predict(view, 0).probabilities[1] > 0.5
        count, score = count + 1, dice(found, truth)
    return count, float(score)


def stroke_at(click, truth) -> np.ndarray:
    """Return the pixels of a stroke that begins at the centre of an error."""
    own = truth if click.missing else ~truth
    line = skeletonize(own) if click.missing else own
    seed = np.zeros_like(truth)
    seed[click.row, click.column] = True
    line = line | seed
    reach = STROKE_PX // 2 if click.missing else 6
    grown = ndimage.binary_dilation(seed, np.ones((3, 3)), iterations=reach, mask=line)
    brushed = ndimage.distance_transform_edt(~grown) <= BRUSH_PX
    return (brushed & own) | seed
