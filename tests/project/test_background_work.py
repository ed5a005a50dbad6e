"""Work beside saving: errors are told, and nothing begins after the end."""

import weakref

import numpy as np

from napari_motionseg.project.background_work import Chores
from napari_motionseg.project.mask_probabilities import MaskProbabilities
from napari_motionseg.project.watched import WatchedLayer, WatchedLoop


def test_a_network_is_kept(project, tmp_path):
    model = tmp_path / "net.safetensors"
    model.write_bytes(b"weights")
    chores = Chores()
    chores.add_model(model, "segmentation", "vessel")
    chores.do(project, [])
    assert chores.wait(20)
    assert [record.title for record in project.manifest.models] == ["vessel"]
    assert chores.error == ""


def test_a_failure_is_told_and_tried_again(project, tmp_path):
    model = tmp_path / "net.safetensors"
    chores = Chores()
    chores.add_model(model, "segmentation", "vessel")
    chores.do(project, [])
    assert chores.wait(20)
    assert "net.safetensors" in chores.error
    assert project.manifest.models == ()
    model.write_bytes(b"weights")
    chores.do(project, [])
    assert chores.wait(20)
    assert chores.error == ""
    assert len(project.manifest.models) == 1


def test_nothing_begins_after_the_end(project, tmp_path):
    model = tmp_path / "net.safetensors"
    model.write_bytes(b"weights")
    chores = Chores()
    chores.close(1)
    chores.add_model(model, "segmentation", "vessel")
    chores.do(project, [])
    assert chores.wait(20)
    assert project.manifest.models == ()


def test_success_is_reported_and_failure_is_not(project, tmp_path):
    model, reports = tmp_path / "net.safetensors", []
    chores = Chores(lambda: reports.append("done"))
    chores.add_model(model, "segmentation", "vessel")
    chores.do(project, [])
    assert chores.wait(20)
    assert reports == []
    model.write_bytes(b"weights")
    chores.do(project, [])
    assert chores.wait(20)
    assert reports == ["done"]


def test_a_layer_that_is_forgotten_is_held_no_more(project):
    loop = WatchedLoop("loop", None, "loop")
    layer = WatchedLayer("masks", loop, "masks", "masks", lambda: None)
    known = MaskProbabilities(
        np.zeros((1, 4, 4), np.float16), np.ones((1, 4, 4), np.uint8),
        np.zeros(1, bool),
    )  # fmt: skip
    chores = Chores()
    chores.add_probabilities(layer, known)
    left = weakref.ref(layer), weakref.ref(known)
    chores.forget([layer])
    del layer, known
    assert [one() for one in left] == [None, None]
