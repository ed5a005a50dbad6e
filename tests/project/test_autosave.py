"""Everything that changes is on disk soon, whoever changed it; refusals are said."""

import errno
import os
import threading
import time

import numpy as np

from napari_motionseg.project import Autosaver, Project, RecentProjects
from napari_motionseg.project.autosave import SaveStatus
from napari_motionseg.project.watched import WatchedLayer, WatchedLoop


def on_disk(project):
    looked_at = Project.open(project.folder, read_only=True)
    manifest = looked_at.manifest
    pixels = looked_at.read_layers()
    return {layer.name: pixels[layer.number] for layer in manifest.layers}


def until(true, patience_s=20):
    end = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_stroke_is_kept_without_a_word(autosaver, painting, labels, project):
    autosaver.watch(painting)
    labels[3, 10:14, 20:30] = 2
    until(lambda: "noise labels" in on_disk(project))
    autosaver.flush()
    np.testing.assert_array_equal(on_disk(project)["noise labels"], labels)
    labels[3] = 0  # as undo does, in place
    until(lambda: not on_disk(project)["noise labels"].any())


def test_many_changes_end_as_they_are(autosaver, painting, labels, project):
    draw = np.random.default_rng(0)
    autosaver.watch(painting)
    for _ in range(25):
        t, row, column = (int(draw.integers(0, n - 9)) if n > 9 else 0
                          for n in labels.shape)  # fmt: skip
        labels[t, row : row + 5, column : column + 7] = draw.integers(0, 4)
        assert autosaver.flush()
        assert autosaver.status.state == "saved"
        np.testing.assert_array_equal(
            on_disk(project).get("noise labels", 0 * labels), labels
        )


def test_a_project_is_made_when_there_is_something_to_keep(tmp_path, painting, labels):
    recent = RecentProjects(tmp_path / "state")
    saver = Autosaver(recent.new_unsaved)
    saver.watch(painting)
    saver.flush()
    assert saver.project is None
    assert saver.status.state == "nothing"
    assert not recent.folder.exists()
    labels[0, 0, 0] = 1
    assert saver.flush()
    assert recent.is_unsaved(saver.project.folder)
    loop = saver.project.manifest.loops[0]
    assert loop.stored == "1.npz"
    assert loop.content == painting.loop.cine.content_hash()
    assert recent.recoverable() == []  # while it is open
    saver.close()
    (waiting,) = recent.recoverable()
    assert waiting.unsaved
    assert "noise labels: painted until" in waiting.words()
    recent.discard(waiting.folder)
    assert recent.recoverable() == []


def test_a_full_disk_is_said_and_all_is_there_when_it_has_room(
    autosaver, painting, labels, project, monkeypatch
):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    autosaver.watch(painting)
    labels[1, 2:5, 2:5] = 1
    autosaver.flush()
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", refuse)
        labels[2, 2:5, 2:5] = 1
        assert not autosaver.flush()
        assert autosaver.status.state == "failing"
        assert "No space left on device" in autosaver.status.message
        labels[4, 2:5, 2:5] = 1
        assert not autosaver.flush()
    assert autosaver.flush()
    assert autosaver.status.state == "saved"
    np.testing.assert_array_equal(on_disk(project)["noise labels"], labels)


def test_a_disk_that_refuses_the_first_stroke_mixes_nothing_up(
    autosaver, painting, labels, project, monkeypatch, noise_cine
):
    """Numbers of loops and layers were given out for nothing, and others came."""
    from napari_motionseg.errors import WriteError
    from napari_motionseg.project import held_folder as module

    def refuse(*_):
        raise WriteError("disk full")

    labels[1, 2:5, 2:5] = 1
    with monkeypatch.context() as patch:
        patch.setattr(module, "write_manifest", refuse)
        autosaver.watch(painting)
        assert not autosaver.flush()
        other = WatchedLoop("other", noise_cine, "other")
        masks = np.full_like(labels, 3)
        autosaver.watch(WatchedLayer("m", other, "masks", "masks", lambda: masks))
        assert not autosaver.flush()
    assert autosaver.flush()
    np.testing.assert_array_equal(on_disk(project)["noise labels"], labels)
    np.testing.assert_array_equal(on_disk(project)["masks"], masks)
    manifest = project.manifest
    names = {layer.name: manifest.loop(layer.loop).name for layer in manifest.layers}
    assert names == {"noise labels": "noise", "masks": "other"}


def test_an_array_that_was_replaced_is_another_layer(
    autosaver, noise_cine, labels, project
):
    held = {"now": labels}
    loop = WatchedLoop("l", noise_cine, "noise")
    autosaver.watch(WatchedLayer("k", loop, "labels", "a", lambda: held["now"]))
    labels[0, 1, 1] = 1
    autosaver.flush()
    held["now"] = np.zeros(labels.shape, np.uint16)
    held["now"][2, 3, 3] = 400
    assert autosaver.flush()
    old, new = project.manifest.layers
    assert old.removed
    assert new.dtype == "uint16"
    assert project.read_layers()[old.number][0, 1, 1] == 1
    np.testing.assert_array_equal(project.read_layers()[new.number], held["now"])


def test_a_layer_without_a_time_axis_stays_one(autosaver, noise_cine, project):
    flat = np.zeros(noise_cine.shape[1:], np.uint8)
    loop = WatchedLoop("l", noise_cine, "noise")
    autosaver.watch(WatchedLayer("k", loop, "labels", "flat", lambda: flat))
    flat[4, 5] = 3
    assert autosaver.flush()
    (record,) = project.manifest.layers
    assert record.flat
    assert record.shape == (1, *flat.shape)
    np.testing.assert_array_equal(on_disk(project)["flat"][0], flat)


def test_deleted_labels_can_be_brought_back(autosaver, painting, labels, project):
    autosaver.watch(painting)
    labels[5, 1:4, 1:4] = 2
    autosaver.let_go("labels")  # before the stroke was saved
    assert autosaver.flush()
    (record,) = project.manifest.layers
    assert record.removed
    np.testing.assert_array_equal(project.read_layers()[record.number], labels)
    assert autosaver.layer_of("labels") is None


def test_work_goes_on_with_what_is_on_disk(autosaver, painting, labels, project):
    autosaver.watch(painting)
    labels[5, 1:4, 1:4] = 2
    autosaver.close()
    again = Project.open(project.folder)
    (record,) = again.manifest.layers
    pixels = again.read_layers()[record.number]
    size = again.bytes_on_disk()
    saver = Autosaver(again)
    loop = WatchedLoop("loop", painting.loop.cine, "noise", record.loop)
    layer = WatchedLayer("p", loop, "labels", "renamed", lambda: pixels)
    layer.resume(record, pixels)
    saver.watch(layer)
    assert saver.flush()
    assert again.bytes_on_disk() == size  # nothing new
    assert [x.name for x in again.manifest.layers] == ["renamed"]
    assert len(again.manifest.loops) == 1
    saver.close()


def test_networks_and_settings_are_kept(autosaver, painting, labels, tmp_path, project):
    model = tmp_path / "vessel-3.safetensors"
    model.write_bytes(b"weights")
    autosaver.keep_model(model, "segmentation", "vessel-3")
    autosaver.keep_settings({"segment": {"mode": "dense"}})
    assert autosaver.flush()
    (record,) = project.manifest.models
    assert project.model_path(record).read_bytes() == b"weights"
    assert project.manifest.settings == {"segment": {"mode": "dense"}}


def test_a_layer_that_cannot_be_read_stops_nothing_for_good(
    autosaver, painting, labels, noise_cine, project
):
    broken = {"yes": True}

    def read():
        if broken["yes"]:
            raise KeyError("gone")
        return labels

    painting.read = read
    autosaver.watch(painting)
    labels[0, 0, 0] = 1
    assert not autosaver.flush()
    assert "KeyError" in autosaver.status.message
    broken["yes"] = False
    assert autosaver.flush()


def test_a_journal_that_has_grown_is_compacted(
    autosaver, painting, labels, project, monkeypatch
):
    from napari_motionseg.project import label_store as module

    monkeypatch.setattr(module, "LEAST_TO_COMPACT", 400)
    autosaver.watch(painting)
    for value in range(1, 20):
        labels[value % 8, 3:9, 3:9] = value
        autosaver.flush()
    autosaver.flush()
    assert list((project.folder / "labels").glob("*.blocks"))
    np.testing.assert_array_equal(on_disk(project)["noise labels"], labels)


def test_a_thread_that_ends_leaves_nothing_behind(project, painting, labels):
    before = set(threading.enumerate())
    saver = Autosaver(project)
    saver.watch(painting)
    labels[0, 0, 0] = 1
    own = set(threading.enumerate()) - before
    assert [thread.name for thread in own] == ["motionseg autosave"]
    saver.close()
    saver.close()  # twice does no harm
    assert not [thread for thread in own if thread.is_alive()]


def test_a_layer_that_went_with_all_others_is_kept_and_not_held(
    autosaver, painting, labels, project
):
    autosaver.watch(painting)
    labels[5, 1:4, 1:4] = 2
    autosaver.detach("labels")  # before the stroke was saved
    assert autosaver.flush()
    assert autosaver.layer_of("labels") is None
    (record,) = project.manifest.layers
    assert not record.removed
    np.testing.assert_array_equal(project.read_layers()[record.number], labels)


def test_nothing_is_told_before_the_first_save(autosaver):
    status = SaveStatus()
    assert (status.state, status.message) == ("nothing", "")
    assert (status.at, status.bytes, status.seconds) == (0, 0, 0)
    assert autosaver.flush()


def test_a_network_that_cannot_be_kept_is_said(autosaver, painting, labels, tmp_path):
    autosaver.watch(painting)
    labels[0, 0, 0] = 1
    autosaver.keep_model(tmp_path / "gone.safetensors", "segmentation", "vessel")
    autosaver.flush()  # the chore begins after the save
    assert not autosaver.flush()
    assert autosaver.status.state == "failing"
    assert "gone.safetensors" in autosaver.status.message


def test_a_stroke_on_a_layer_of_an_opened_project_is_kept(
    autosaver, painting, labels, project
):
    autosaver.watch(painting)
    labels[5, 1:4, 1:4] = 2
    autosaver.close()
    again = Project.open(project.folder)
    (record,) = again.manifest.layers
    pixels = again.read_layers()[record.number]
    saver = Autosaver(again)
    loop = WatchedLoop("loop", painting.loop.cine, "noise", record.loop)
    layer = WatchedLayer("p", loop, "labels", "noise labels", lambda: pixels)
    layer.resume(record, pixels)
    saver.watch(layer)
    pixels[2, 7:9, 7:9] = 3
    assert saver.flush()
    np.testing.assert_array_equal(on_disk(again)["noise labels"], pixels)
    saver.close()
