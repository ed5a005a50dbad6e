"""Loops on disk, and the command called in this process."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from helpers.commands import SMALL

from napari_motionseg.cli.app import execute
from napari_motionseg.io import read_cine
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.models import ModelCard, SegmentationNet, UNetConfig, save_model
from napari_motionseg.project import Autosaver, Project
from napari_motionseg.project.watched import WatchedLayer, WatchedLoop

GAIN = 60.0  # logits of a whole step of brightness, far above what rounding changes


class Answer:
    """Exit code and what was printed."""

    def __init__(self, code, captured):
        self.code = code
        self.out = captured.out
        self.err = captured.err

    @property
    def rows(self):
        """The JSON objects on stdout."""
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def motionseg(capsys):
    """Run the command: ``motionseg("info", path)``."""

    def call(*words):
        capsys.readouterr()
        code = execute([str(word) for word in words])
        return Answer(code, capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def loop_file(tmp_path_factory, small_cine):
    """A DICOM loop of 8 frames of 96 x 96."""
    path = tmp_path_factory.mktemp("loops") / "loop.dcm"
    write_xa(path, small_cine)
    return path


@pytest.fixture(scope="session")
def label_file(tmp_path_factory, synthetic):
    """Masks of the loop, frame 6 labelled."""
    path = tmp_path_factory.mktemp("labels") / "labels.npz"
    labelled = np.arange(len(synthetic.cine)) == 6
    np.savez(path, labels=synthetic.masks.astype(np.uint8), labelled=labelled)
    return path


@pytest.fixture(scope="session")
def embedding(tmp_path_factory, loop_file):
    """Checkpoint of an embedding that was trained for two steps."""
    path = tmp_path_factory.mktemp("models") / "embedding.safetensors"
    words = [
        "pretrain", loop_file, "--steps", 2, "--width", 4, "--points", 30,
        "--flow-method", "ilk", "--out", path, *SMALL,
    ]  # fmt: skip
    assert execute([str(word) for word in words]) == 0
    return path


@pytest.fixture(scope="session")
def vessel(tmp_path_factory, loop_file, label_file, embedding):
    """Checkpoint of a segmentation that was trained for two steps."""
    path = tmp_path_factory.mktemp("models") / "vessel.safetensors"
    words = [
        "finetune", loop_file, "--labels", label_file, "--model", embedding,
        "--steps", 2, "--out", path, *SMALL,
    ]  # fmt: skip
    assert execute([str(word) for word in words]) == 0
    return path


@pytest.fixture
def painted(tmp_path, loop_file):
    """A project of one loop with a stroke on frame 3."""
    cine = read_cine(loop_file)
    labels = np.zeros(cine.shape, np.uint8)
    saver = Autosaver(Project.create(tmp_path / "study"))
    loop = WatchedLoop("loop", cine, "loop")
    saver.watch(WatchedLayer("l", loop, "labels", "my labels", lambda: labels))
    labels[3, 10:20, 30:40] = 2
    assert saver.flush()
    saver.close()
    return saver.project.folder, labels


@pytest.fixture
def light(tmp_path, small_cine):
    """A network set by hand: vessel is whatever is darker than the loop's median.

    Grain falls on both sides of the median, so the masks have specks and flicker.
    """
    config = UNetConfig(width=1, depth=1, embedding_dim=1)
    network = SegmentationNet(config).eval()
    with torch.no_grad():
        for weight in network.parameters():
            weight.zero_()
        hand_on_the_brightness(network)
        network.head.weight[:] = -GAIN
        frames = [small_cine.normalized(t) for t in range(len(small_cine))]
        network.head.bias[:] = GAIN * float(np.median(frames))
    path = tmp_path / "light.safetensors"
    configuration = {**dataclasses.asdict(config), "classes": 2}
    save_model(
        path, network, ModelCard("segmentation", "SegmentationNet", configuration, {})
    )
    return path


def hand_on_the_brightness(network):
    """Let every layer on the way along the first skip return its first channel."""
    last = network.embedding.up[-1].convolutions
    for module in (*network.embedding.down[0], *last):
        if isinstance(module, torch.nn.Conv2d):
            module.weight[0, 0, 1, 1] = 1
        elif isinstance(module, torch.nn.BatchNorm2d):
            module.weight.fill_(1)
    network.embedding.last.weight[0, 0] = 1


@pytest.fixture
def exact_flow(monkeypatch, synthetic):
    from napari_motionseg.motion import FlowSequence
    from napari_motionseg.segmentation import temporal_smoothing as smoothing
    from napari_motionseg.segmentation import weak_labels as weak

    pairs = range(len(synthetic.cine) - 1)
    flow = FlowSequence(
        np.stack([synthetic.flow(t, t + 1) for t in pairs]),
        np.stack([synthetic.flow(t + 1, t) for t in pairs]),
        1,
        "exact",
    )
    for module in (smoothing, weak):
        monkeypatch.setattr(module, "lazy_flow", lambda *a: flow)
