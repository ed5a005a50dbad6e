"""A few strokes change what they say, and leave the rest of other frames as it was."""

import numpy as np

from napari_motionseg.cine import Cine
from napari_motionseg.evaluation.reference_loops import synthetic_references
from napari_motionseg.io import Labels
from napari_motionseg.jobs import run
from napari_motionseg.segmentation import FinetuneSettings, finetune_job, segment_job
from napari_motionseg.segmentation.metrics import dice
from napari_motionseg.synthesis import SynthesisConfig

BACKGROUND, VESSEL, OTHER = 1, 2, 3  # numbers of scribbles


def loop():
    config = SynthesisConfig(size=256, frames=4, bolus=False)
    return synthetic_references(1, 5, config)[0].cine


def trained(cine, painted, steps, tmp_path):
    """Masks of all frames, after training on what is painted."""
    out = tmp_path / "model.safetensors"
    labels = Labels.from_painted(painted, "scribbles")
    settings = FinetuneSettings.quick().with_steps(steps)
    run(finetune_job([(cine, labels)], settings, start="default", out=out))
    return run(segment_job(cine, out)).masks


def test_corrections_of_a_first_guess_leave_other_frames_as_they_are(tmp_path):
    """Every stroke contradicts the masks, which does not mean that all of them err."""
    cine = loop()
    before = run(segment_job(cine, "default")).masks > 0
    marked, unmarked = np.argwhere(before[1]), np.argwhere(~before[1])
    painted = np.zeros(cine.shape, np.uint8)
    y, x = marked[len(marked) // 2]
    painted[1, y - 3 : y + 4, x - 12 : x + 13] = BACKGROUND
    y, x = unmarked[1000]
    painted[1, y : y + 4, x : x + 20] = VESSEL
    after = trained(cine, painted, 40, tmp_path) > 0
    alike = [dice(after[t], before[t]) for t in (0, 2, 3)]
    assert min(alike) > 0.9


def test_a_new_class_is_found_on_other_frames(tmp_path):
    cine = loop()
    frames = np.stack([cine.normalized(t) for t in range(len(cine))])
    square = np.zeros(cine.shape, bool)
    for t in range(len(cine)):
        square[t, 180 + t : 210 + t, 40 + 2 * t : 70 + 2 * t] = True
    stripes = 0.7 + 0.3 * np.sin(np.arange(frames.shape[2]))
    frames = np.where(square, frames * stripes, frames)
    other = Cine.from_array((255 * frames).round().astype(np.uint8), name="stripes")
    guess = run(segment_job(other, "default")).masks > 0
    vessel = np.argwhere(guess[1] & ~square[1])[::20]
    painted = np.zeros(cine.shape, np.uint8)
    painted[1][tuple(vessel.T)] = VESSEL
    painted[1, 100:104, 10:60] = BACKGROUND
    painted[1, 184:194, 44:70] = OTHER
    found = trained(other, painted, 40, tmp_path) == OTHER - 1
    shares = [float(found[t][square[t]].mean()) for t in (0, 2, 3)]
    beside = [float(found[t][~square[t]].mean()) for t in (0, 2, 3)]
    assert min(shares) > 0.4
    assert max(beside) < 0.1
