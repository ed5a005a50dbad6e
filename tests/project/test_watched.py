"""What is held of a loop or layer, and how long."""

import numpy as np
import pytest

from napari_motionseg.project import LoopRecord, Manifest
from napari_motionseg.project.watch_list import WatchList
from napari_motionseg.project.watched import WatchedLayer, WatchedLoop


@pytest.fixture
def loop(noise_cine):
    return WatchedLoop("loop", noise_cine, "noise")


def of_project(loop, content):
    loop.number = 1
    return Manifest().with_loop(LoopRecord(1, "noise", "", loop.cine.shape, content))


def test_pixels_are_let_go_once_the_project_knows_the_content(loop):
    loop.let_go(of_project(loop, ""))
    assert loop.cine is not None
    loop.let_go(of_project(loop, "f00d"))
    assert loop.cine is None
    assert loop.facts is not None


def test_pixels_are_kept_if_another_loop_is_known(loop, noise_cine):
    manifest = of_project(loop, "f00d")
    loop.number = 2
    loop.let_go(manifest)
    assert loop.cine is noise_cine


@pytest.mark.parametrize(("number", "forgotten"), [(None, True), (1, False)])
def test_a_loop_of_no_project_is_forgotten_with_its_last_layer(loop, number, forgotten):
    pixels = np.zeros(loop.cine.shape, np.uint8)
    loop.number = number
    layers = [
        WatchedLayer(key, loop, "labels", key, lambda: pixels) for key in ("a", "b")
    ]
    watched = WatchList()
    watched.watch_loop(loop)
    for layer in layers:
        watched.watch(layer)
    for key in ("loop", "a", "b"):
        watched.let_go(key)
    watched._forget(layers[:1])
    assert watched.loop_of("loop") is loop
    watched._forget(layers[1:])
    assert (watched.loop_of("loop") is None) == forgotten


def test_a_loop_that_is_not_gone_stays(loop):
    watched = WatchList()
    watched.watch_loop(loop)
    watched._forget([])
    assert watched.loop_of("loop") is loop


def test_changes_after_a_resume_are_those_since(loop):
    pixels = np.zeros(loop.cine.shape, np.uint8)
    layer = WatchedLayer("a", loop, "labels", "a", lambda: pixels)
    assert layer.changes(pixels) == []  # nothing is kept of it yet
    manifest = layer.enter(of_project(loop, ""), pixels + 1, False)
    (record,) = manifest.layers
    again = WatchedLayer("a", loop, "labels", "a", lambda: pixels)
    again.resume(record, pixels)
    assert again.changes(pixels) == []
    now = pixels.copy()
    now[2, 3, 4] = 5
    (delta,) = again.changes(now)
    assert (delta.layer, delta.frame) == (record.number, 2)
