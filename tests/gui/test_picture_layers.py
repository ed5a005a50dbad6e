"""Layers of pictures come and go one by one; a user may do anything in between."""

import gc

import numpy as np
import pytest
from helpers.patience import LONG
from napari.layers import Points
from qtpy.QtCore import QObject, QTimer

from napari_motionseg.viewmodel.cells import CheckpointCells
from napari_motionseg.widgets.common import picture_layers as module
from napari_motionseg.widgets.common.canvas_marks import scene_of
from napari_motionseg.widgets.common.caption_letters import FACE, CaptionLetters
from napari_motionseg.widgets.common.picture_layers import PictureLayers
from napari_motionseg.widgets.common.shown_picture import ShownPicture

SIZE = (20, 30)
RANDOM = np.random.default_rng(0)


@pytest.fixture
def loop(viewer):
    return viewer.add_image(
        np.zeros((4, *SIZE), np.uint8), name="loop", scale=(1, 2, 2)
    )


@pytest.fixture
def dropped():
    return []


@pytest.fixture
def pictures(viewer, dropped, qtbot):
    owner = QObject()
    made = PictureLayers(owner, viewer, dropped.append)
    yield made
    qtbot.waitUntil(lambda: not made.busy, timeout=LONG)
    owner.deleteLater()


@pytest.fixture
def show(pictures, loop, qtbot):
    """Show pictures of some names beside the loop; wait for them unless told not to."""

    def now(*names, wait=True, over=None, **options):
        arrays = {name: options.pop(name, None) for name in names}
        wanted = {
            name: picture(number, name, arrays[name])
            for number, name in enumerate(names, 1)
        }
        grid = CheckpointCells(SIZE, 1, len(names))
        captions = lambda: tuple(  # noqa: E731
            ((-2, 0), name) for name in names if pictures.layer(name) is not None
        )
        pictures.want(over or loop, wanted, captions, grid, **options)
        if wait:
            qtbot.waitUntil(lambda: not pictures.busy, timeout=LONG)

    return now


def picture(number, name, data=None):
    data = RANDOM.random(SIZE).astype(np.float32) if data is None else data
    corner = CheckpointCells(SIZE, 1, 3).corner(number)
    return ShownPicture(
        name.title(), (data,), lambda sources: sources[0].copy(), at=corner,
        appearance={"colormap": "magma", "contrast_limits": (0, 1)}, cells=(corner,),
        bar=True,
    )  # fmt: skip


def names(viewer):
    return [layer.name for layer in viewer.layers]


def test_layers_come_one_by_one_in_their_order(viewer, show, pictures, qtbot):
    other = viewer.add_labels(np.zeros(SIZE, np.uint8), name="labels")
    turns, at = [0], []  # of the event loop, and those at which a layer came
    timer = QTimer()
    timer.timeout.connect(lambda: turns.append(0))
    timer.start(0)
    viewer.layers.events.inserted.connect(lambda _: at.append(len(turns)))
    show("first", "second", "third", wait=False)
    assert names(viewer) == ["loop", "labels"], "nothing is added within the call"
    qtbot.waitUntil(lambda: not pictures.busy, timeout=LONG)
    timer.stop()
    assert len(set(at)) == 3, "the window lives between two layers"
    assert names(viewer) == [
        "loop",
        "loop First",
        "loop Second",
        "loop Third",
        "labels",
    ]
    assert viewer.layers.selection.active is other, "a brush stays a brush"


def test_what_is_switched_off_is_removed_and_comes_back_as_it_looked(
    viewer, show, pictures
):
    show("first", "second")
    layer = pictures.layer("first")
    layer.colormap, layer.contrast_limits = "turbo", (0.2, 0.6)
    show("second")
    assert names(viewer) == ["loop", "loop Second"]
    assert pictures.layer("first") is None
    show("first", "second")
    again = pictures.layer("first")
    assert again is not layer
    assert again.colormap.name == "turbo"
    assert tuple(again.contrast_limits) == (0.2, 0.6)
    assert names(viewer) == ["loop", "loop First", "loop Second"]


def test_where_a_removal_may_crash_the_window_layers_are_hidden_instead(
    viewer, loop, show, pictures, monkeypatch
):
    monkeypatch.setattr(module, "crashes_without_layers", lambda _: True)
    data = RANDOM.random(SIZE).astype(np.float32)
    show("first", "second", first=data)
    layer = pictures.known["first"]
    show("second")
    assert layer in viewer.layers
    assert not layer.visible
    assert pictures.layer("first") is None
    pictures.remove()
    show()
    np.testing.assert_allclose(  # hidden layers take no room: cameras take them in
        viewer.layers.extent.world[:, -2:], loop.extent.world[:, -2:]
    )
    show("first", "second", first=data)
    assert pictures.layer("first") is layer
    assert layer.visible
    np.testing.assert_array_equal(layer.data, data)
    viewer.layers.remove(loop)
    assert pictures.busy, "layers of a loop that is gone go, too"


def test_a_removed_layer_is_let_go(show, pictures):
    import weakref

    show("first")
    gone = weakref.ref(pictures._held["first"])
    show("second")
    gc.collect()
    assert gone() is None


def test_the_same_arrays_are_not_set_again_and_others_are(show, pictures):
    data = RANDOM.random(SIZE).astype(np.float32)
    show("first", first=data)
    layer = pictures.layer("first")
    layer.data[0, 0] = 7  # would be overwritten
    show("first", first=data)
    assert layer.data[0, 0] == 7
    own = layer.data
    show("first", first=data + 1)
    assert layer.data is own, "in the layer's own array"
    np.testing.assert_array_equal(own, data + 1)
    assert data.max() <= 1, "the picture itself stays as it is"


def test_a_wish_that_changes_meanwhile_wins(viewer, show, qtbot):
    show("first", "second", "third", wait=False)
    show("third", wait=False)
    show("second")
    assert names(viewer) == ["loop", "loop Second"]


def test_a_layer_that_the_user_removes_is_told_and_stays_away(
    viewer, show, pictures, dropped
):
    show("first", "second")
    viewer.layers.remove(pictures.layer("first"))
    assert dropped == ["first"]
    assert pictures.known.keys() == {"second"}
    assert names(viewer) == ["loop", "loop Second"]
    assert dropped == ["first"]
    show("second")
    assert dropped == ["first"], "what the program removes is not told"


def test_pictures_go_with_their_loop(viewer, loop, show, pictures, dropped, qtbot):
    show("first", "second")
    viewer.layers.remove(loop)
    qtbot.waitUntil(lambda: not pictures.busy, timeout=LONG)
    assert len(viewer.layers) == 0
    assert dropped == []


def test_the_loop_goes_while_layers_come(viewer, loop, show, pictures, qtbot):
    show("first", "second", wait=False)
    qtbot.waitUntil(lambda: len(viewer.layers) >= 2, timeout=LONG)
    viewer.layers.remove(loop)
    qtbot.waitUntil(lambda: not pictures.busy, timeout=LONG)
    assert len(viewer.layers) == 0


def test_another_loop_has_pictures_of_its_own(viewer, loop, show, pictures):
    show("first")
    other = viewer.add_image(np.zeros((4, *SIZE), np.uint8), name="other")
    show("first", over=other)
    assert names(viewer) == ["loop", "other", "other First"]
    np.testing.assert_allclose(pictures.layer("first").scale, other.scale[1:])


def test_names_follow_the_loop_unless_the_user_has_chosen_one(
    viewer, loop, show, pictures
):
    show("first", "second")
    pictures.layer("first").name = "mine"
    loop.name = "renamed"
    assert names(viewer) == ["renamed", "mine", "renamed Second"]


def test_marks_are_those_of_layers_that_are_seen(viewer, show, pictures, loop):
    data = RANDOM.random(SIZE).astype(np.float32)
    data[3:5, 4:9] = np.nan
    show("first", "second", first=data)
    marks = pictures.marks.marks
    assert [text for _, text in marks.captions] == ["first", "second"]
    (hatch,) = marks.hatches
    np.testing.assert_array_equal(hatch.unknown, np.isnan(data))
    assert len(marks.bars) == 2
    pictures.layer("first").visible = False
    assert (len(pictures.marks.marks.hatches), len(pictures.marks.marks.bars)) == (0, 1)
    pictures.layer("first").visible = True
    assert len(pictures.marks.marks.hatches) == 1
    pictures.remove()
    assert len(viewer.layers) == 3, "removing takes its turns, too"


def test_marks_are_drawn_where_they_belong(viewer, show, pictures, loop):
    show("first")
    scene = scene_of(viewer)
    (text,) = [n for n in scene.children if n is pictures.marks._text]
    assert text.text == ["first"]
    world = loop.data_to_world((0, -2, 0))
    np.testing.assert_allclose(text.pos[0, :2], (world[2], world[1]))
    (bar,) = pictures.marks.marks.bars
    (image,) = pictures.marks._images["bars"]
    left = loop.data_to_world((0, bar.corner[0] - 0.5, bar.corner[1] - 0.5))
    np.testing.assert_allclose(image.transform.map([0, 0])[:2], (left[2], left[1]))
    right = loop.data_to_world((0, 0, bar.corner[1] - 0.5 + SIZE[1]))[2]
    assert image.transform.map([len(bar.colors), 0])[0] == pytest.approx(right)
    viewer.dims.ndisplay = 3
    assert not text.visible, "pixels of the loop have no one place in three dimensions"
    viewer.dims.ndisplay = 2
    assert text.visible


def test_without_a_scene_captions_are_a_layer(
    viewer, loop, dropped, monkeypatch, qtbot
):
    monkeypatch.setattr(module, "scene_of", lambda _: None)
    owner = QObject()
    pictures = PictureLayers(owner, viewer, dropped.append)
    captions = lambda: (((-2, 0), "what it is"),)  # noqa: E731
    grid = CheckpointCells(SIZE, 1, 1)
    pictures.want(loop, {"first": picture(1, "first")}, captions, grid)
    qtbot.waitUntil(lambda: not pictures.busy, timeout=LONG)
    (layer,) = [layer for layer in viewer.layers if isinstance(layer, Points)]
    assert list(layer.features["caption"]) == ["what it is"]
    pictures.remove()
    qtbot.waitUntil(lambda: not pictures.busy, timeout=LONG)
    assert names(viewer) == ["loop"]
    assert dropped == []
    owner.deleteLater()


def test_nothing_of_it_is_left_when_its_owner_goes(viewer, loop, qtbot):
    owner = QObject()
    pictures = PictureLayers(owner, viewer, lambda _: None)
    captions = lambda: (((-2, 0), "what it is"),)  # noqa: E731
    grid = CheckpointCells(SIZE, 1, 1)
    pictures.want(loop, {"first": picture(1, "first")}, captions, grid)
    qtbot.waitUntil(lambda: not pictures.busy, timeout=LONG)
    text = pictures.marks._text
    gone = []
    owner.destroyed.connect(lambda: gone.append(1))
    owner.deleteLater()
    qtbot.waitUntil(lambda: bool(gone), timeout=LONG)
    assert text.parent is None
    viewer.layers.remove(loop)


def test_letters_of_captions_are_loaded_one_in_a_turn(qtbot):
    owner, ready = QObject(), []
    letters = CaptionLetters(owner, lambda: ready.append(turns[0]))
    turns, loaded = [0], []
    font = letters.fonts.get_font(FACE)
    load = font._load_char
    font._load_char = lambda letter: (loaded.append((turns[0], letter)), load(letter))
    timer = QTimer()
    timer.timeout.connect(lambda: turns.__setitem__(0, turns[0] + 1))
    timer.start(0)
    assert not letters.has(["flow", "glow"])
    assert letters.busy
    assert not loaded, "nothing is loaded within the call"
    qtbot.waitUntil(lambda: bool(ready), timeout=LONG)
    timer.stop()
    assert sorted(letter for _, letter in loaded) == sorted("flowg")
    assert len({turn for turn, _ in loaded}) == 5
    assert letters.has(["flow", "owl"])
    assert letters.has(["flown"]), "a picture may load a letter by itself"
    assert not letters.busy


def test_the_first_marks_of_each_kind_have_a_turn_of_their_own(
    viewer, show, pictures, qtbot
):
    data = RANDOM.random(SIZE).astype(np.float32)
    data[3:5, 4:9] = np.nan
    drawn, turns = {}, [0]
    timer = QTimer()
    timer.timeout.connect(lambda: turns.__setitem__(0, turns[0] + 1))
    timer.start(0)
    marks = pictures.marks
    note = marks._is_new

    def noted(kind, content):
        new = note(kind, content)
        if new and kind not in drawn:
            drawn[kind] = turns[0]
        return new

    marks._is_new = noted
    show("first", first=data)
    timer.stop()
    assert drawn.keys() == {"bars", "hatches", "captions"}
    assert len(set(drawn.values())) == 3
    assert marks._text.visible
    show("first", first=data + 1)
    assert not marks._turn.isActive(), "later ones are drawn at once"
