"""Nothing slow is imported between a button and its first result.

MONAI's import takes seconds of processor time. Reported distances need it; training and
masks do not.
"""

import subprocess
import sys

import pytest

START = """
import sys
from pathlib import Path
import numpy as np
from napari_motionseg.cine import Cine
from napari_motionseg.io import Labels
from napari_motionseg.models import UNetConfig
from napari_motionseg.segmentation import FinetuneSettings, evaluate, segment
from napari_motionseg.segmentation.finetune import finetune
from napari_motionseg.segmentation import metrics
from napari_motionseg.training import TrainingSettings

rng = np.random.default_rng(0)
cine = Cine.from_array(rng.integers(0, 256, (3, 48, 48), dtype=np.uint8))
labels = np.zeros((3, 48, 48), np.uint8)
labels[1, 20:28] = 1
known = Labels(labels, np.arange(3) == 1)
settings = FinetuneSettings(
    steps=4, batch=1, network=UNetConfig(width=2), kept="earned", pseudo_labels=True,
    early_stopping_every=1,
    training=TrainingSettings(steps=4, device="cpu", preview_every=1),
)
out = Path(sys.argv[1]) / "model.safetensors"
"""
TRAIN = """
finetune([(cine, known)], settings, out=out)
finetune([(cine, known)], settings, start=out, out=out)
found = segment(cine, out, device="cpu")
assert found.done.all()
"""
TILES = """
from napari_motionseg.models import SegmentationNet
from napari_motionseg.models.tiling import smaller_tile
from napari_motionseg.segmentation.predictor import Predictor
import torch

class Hungry(SegmentationNet):
    def probabilities(self, x):
        if x.numel() > 128 * 128:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().probabilities(x)

predictor = Predictor(Hungry(UNetConfig(width=2), 2), torch.device("cpu"), 1)
assert predictor.probabilities(torch.rand(1, 1, 150, 140)).shape == (1, 2, 150, 140)
assert predictor.tile == 128
"""
DICE = """
assert metrics.dice(labels == 1, labels == 1).tolist() == [1, 1, 1]
"""
DISTANCE = """
assert evaluate(labels, labels).mean()["hd95"] == 0
"""


def imported(tmp_path, words):
    """Return whether a fresh process that does this has imported MONAI."""
    code = f"{START}{words}print('monai' in sys.modules)"
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.split()[-1] == "True"


@pytest.mark.parametrize("words", [TRAIN, TILES, DICE], ids=["train", "tiles", "dice"])
def test_what_leads_to_masks_does_not_import_monai(tmp_path, words):
    assert not imported(tmp_path, words)


def test_a_reported_distance_does(tmp_path):
    """The check above can fail: this is what it looks for."""
    assert imported(tmp_path, DISTANCE)
