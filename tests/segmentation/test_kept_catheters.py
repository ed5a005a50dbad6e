"""A fine-tuned network keeps the network of catheters unless the labels object."""

import dataclasses

import numpy as np
import pytest
import torch

from napari_motionseg.cine import Cine
from napari_motionseg.io.labels import Labels
from napari_motionseg.models import (
    ModelCard,
    SegmentationNet,
    UNetConfig,
    read_card,
    save_model,
)
from napari_motionseg.models.class_names import CATHETER
from napari_motionseg.segmentation.finetune import finetune
from napari_motionseg.segmentation.kept_catheters import MOST_CONTRADICTED_PX
from napari_motionseg.segmentation.predict import segment
from napari_motionseg.segmentation.settings import FinetuneSettings
from napari_motionseg.training.engine.loop import TrainingSettings

TINY = UNetConfig(width=4, depth=2, embedding_dim=8)


def checkpoint(path, classes, provenance, bias=None):
    torch.manual_seed(classes)
    model = SegmentationNet(TINY, classes)
    if bias is not None:
        with torch.no_grad():
            model.head.weight.zero_()
            model.head.bias.copy_(torch.tensor(bias))
    shape = {**dataclasses.asdict(TINY), "classes": classes}
    card = ModelCard("segmentation", "SegmentationNet", shape, provenance)
    save_model(path, model, card)
    return path


@pytest.fixture
def start(tmp_path):
    """A network of vessels; the one beside it calls every pixel a catheter."""
    path = tmp_path / "beside.safetensors"
    beside = checkpoint(path, 3, {}, bias=[0.0, 0.0, 9.0])
    return checkpoint(tmp_path / "start.safetensors", 2, {"catheters": str(beside)})


def tuned(start, tmp_path, painted, classes=(0, 1), name="tuned"):
    """Fine-tune on strokes of so many pixels of each class."""
    sizes = painted if isinstance(painted, dict) else dict.fromkeys(classes, painted)
    rng = np.random.default_rng(0)
    cine = Cine.from_array(rng.integers(0, 256, (2, 48, 64), np.uint8))
    strokes = np.zeros((2, 48, 64), np.uint8)  # 0 is unlabelled, 1 the background
    for row, number in enumerate(classes):
        strokes[0, 5 * row, : sizes[number]] = number + 1
    labels = Labels.from_painted(strokes, "scribbles")
    training = TrainingSettings(steps=1, device="cpu", precision="float32")
    settings = FinetuneSettings(
        steps=1, batch=1, crop=32, network=TINY, training=training
    )
    out = tmp_path / f"{name}.safetensors"
    return cine, finetune([(cine, labels)], settings, start=start, out=out)


def test_a_stroke_that_touches_a_catheter_keeps_it(start, tmp_path):
    cine, out = tuned(start, tmp_path, MOST_CONTRADICTED_PX)
    card = read_card(out).provenance
    assert card["catheters"].endswith("beside.safetensors")
    assert "catheters_are_background" not in card
    found = segment(cine, out, device="cpu", whole_picture=True)
    assert (found.masks == CATHETER).all()


def test_labels_that_call_it_vessel_are_right(start, tmp_path):
    cine, out = tuned(start, tmp_path, MOST_CONTRADICTED_PX + 1)
    assert "catheters" not in read_card(out).provenance
    assert segment(cine, out, device="cpu").likeliest.max() == 1


def test_labels_that_call_it_background_make_all_catheters_background(start, tmp_path):
    painted = {0: MOST_CONTRADICTED_PX + 1, 1: MOST_CONTRADICTED_PX}
    cine, out = tuned(start, tmp_path, painted)
    assert read_card(out).provenance["catheters_are_background"] is True
    found = segment(cine, out, device="cpu", whole_picture=True)
    assert (found.masks == 0).all()
    assert found.likeliest.max() == 1
    # a training that goes on from there does not bring them back
    cine, again = tuned(out, tmp_path, {0: 1, 1: 1}, name="again")
    assert read_card(again).provenance["catheters_are_background"] is True


def test_a_painted_class_of_catheters_is_the_networks_own(start, tmp_path):
    _, out = tuned(start, tmp_path, 3, classes=(0, 1, 2))
    card = read_card(out)
    assert card.configuration["classes"] == 3
    assert "catheters" not in card.provenance
