"""Peers and networks learn a dark bar from one labelled frame."""

import dataclasses

import numpy as np
import pytest

from napari_motionseg.errors import LabelError
from napari_motionseg.evaluation import synthetic_references
from napari_motionseg.evaluation.methods import PEERS, NetworkMethod
from napari_motionseg.evaluation.starts import Start
from napari_motionseg.jobs import run
from napari_motionseg.models import ModelCard, SegmentationNet, UNetConfig, save_model
from napari_motionseg.segmentation import FinetuneSettings
from napari_motionseg.segmentation.metrics import dice
from napari_motionseg.synthesis import SynthesisConfig


@pytest.fixture(scope="module")
def loop():
    config = SynthesisConfig(
        size=128, frames=4, bolus=False, opacity=(0.9, 0.9), vessel_size=(2.0, 2.0)
    )
    return synthetic_references(1, 5, config)[0]


@pytest.mark.parametrize("name", sorted(set(PEERS) - {"convpaint"}))
def test_a_peer_beats_guessing(loop, name):
    if name == "random-forest":
        pytest.importorskip("sklearn", reason="scikit-learn is an extra")
    labelled = int(loop.shown[0])
    examples = [(loop.cine, loop.labels([labelled]))]
    predict = run(PEERS.load(name)().fit_job(examples, 0))
    t = int(loop.shown[-1])
    found = predict(loop.cine.normalized(t))
    assert found.dtype == bool
    share = loop.masks[t].mean()
    everything = 2 * share / (1 + share)
    assert dice(found, loop.masks[t]) > everything + 0.1


def small(**others):
    network = UNetConfig(width=2, depth=2, embedding_dim=4)
    return dataclasses.replace(
        FinetuneSettings.tuned(), steps=2, crop=64, network=network, **others
    )


def test_a_network_is_fine_tuned_from_its_start(loop):
    method = NetworkMethod(Start("scratch"), small(), "cpu")
    assert method.needs_labels
    examples = [(loop.cine, loop.labels([1]))]
    predict = run(method.fit_job(examples, 3))
    assert predict(loop.cine.normalized(0)).shape == (128, 128)
    with pytest.raises(LabelError, match="without any label"):
        run(method.fit_job([], 0))


def test_a_start_that_segments_needs_no_label(loop, tmp_path):
    config = UNetConfig(width=2, depth=2, embedding_dim=4)
    path = tmp_path / "m.safetensors"
    configuration = {**dataclasses.asdict(config), "classes": 2}
    card = ModelCard("segmentation", "SegmentationNet", configuration)
    save_model(path, SegmentationNet(config), card)
    method = NetworkMethod(Start(str(path)), small(), "cpu", zero_shot=True)
    assert not method.needs_labels
    predict = run(method.fit_job([], 0))
    found = predict(loop.cine.normalized(0))
    assert found.shape == (128, 128)
    assert found.dtype == np.bool_


def test_snapshots_are_networks_of_earlier_steps(loop):
    how = small(early_stopping_every=0)
    how = dataclasses.replace(how, steps=4)
    method = NetworkMethod(Start("scratch"), how, "cpu", snapshot_every=2)
    fitted = run(method.fit_job([(loop.cine, loop.labels([1]))], 3))
    assert list(fitted.snapshots) == [2, 4]
    frame = loop.cine.normalized(0)
    last = fitted.snapshots[4](frame)
    assert last.shape == (128, 128)
    # nothing is blended with a start from scratch; files hold half precision
    assert (last == fitted.predict(frame)).mean() > 0.99
