"""After a power cut, everything that was acknowledged is still there.

The disk forgets what was not synced; see `helpers.power_cut`. A cut is tried after each
act, and within it before and after each sync.
"""

import os

import numpy as np
import pytest
from helpers.power_cut import AVAILABLE, Cuts

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MotionSegError
from napari_motionseg.project import LayerRecord, LoopRecord, Project
from napari_motionseg.project.journal import Delta, Journal, parse, replay
from napari_motionseg.project.stored_pixels import read_stored

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="needs /proc/self/fd")

SHAPE = (3, 12, 16)
LOOP = LoopRecord(1, "a", "../a.dcm", SHAPE)
LAYER = LayerRecord(2, 1, "a labels", "labels", SHAPE, "uint8")


def stroke(number):
    return Delta(2, number % 3, 2 * (number // 3), 3, np.full((2, 4), number + 1, "u1"))


def painted(strokes):
    pixels = np.zeros(SHAPE, np.uint8)
    for number in strokes:
        delta = stroke(number)
        rows = slice(delta.row, delta.row + 2)
        pixels[delta.frame, rows, 3:7] = delta.pixels
    return pixels


@pytest.fixture
def cuts(tmp_path, monkeypatch):
    made = Cuts(tmp_path, monkeypatch)
    yield made
    made.power.close()


@pytest.fixture
def filled(cuts):
    """A project with one layer, made while the disk was watched."""
    made = []

    def make():
        made.append(Project.create(cuts.disk / "work"))
        made[0].update(made[0].manifest.with_loop(LOOP).with_layer(LAYER))

    cuts.during(make, lambda disk: None)
    yield made[0]
    made[0].close()


def pixels_of(disk, name="work.motionseg"):
    project = Project.open(disk / name, read_only=True)
    return project.read_layers()[2]


def holds(*states, name="work.motionseg"):
    """Return a check: the layer must be as painted with one of these strokes."""

    def check(disk):
        found = pixels_of(disk, name)
        assert any(np.array_equal(found, painted(strokes)) for strokes in states)

    return check


def test_a_journal_holds_what_it_has_acknowledged(cuts):
    journal = Journal(cuts.disk / "000001.journal")

    def check(disk):
        file = disk / journal.path.name
        content = file.read_bytes() if file.exists() else b""
        found = replay(parse(content), SHAPE, np.dtype("u1"))[0]
        assert any(
            np.array_equal(found, painted(range(n))) for n in (number, number + 1)
        )

    for number in range(4):
        act = [stroke(number)]
        cuts.during(lambda act=act: journal.append(act), check)
        kept = number + 1

        def check_after(disk, kept=kept):
            content = (disk / journal.path.name).read_bytes()
            found = replay(parse(content), SHAPE, np.dtype("u1"))[0]
            np.testing.assert_array_equal(found, painted(range(kept)))

        cuts.after(check_after)
    assert cuts.power.syncs >= 4


def test_what_was_refused_does_not_come_back_after_a_cut(cuts, monkeypatch):
    """The stroke was taken back: the bytes that it left must be gone for good."""
    journal = Journal(cuts.disk / "000001.journal")
    cuts.during(lambda: journal.append([stroke(0)]), lambda disk: None)

    def refused_once():
        real, calls = os.fsync, []

        def fsync(file):
            real(file)
            calls.append(file)
            if len(calls) == 1:  # the bytes have arrived, and the disk says no
                raise OSError(5, "Input/output error")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fsync)
            with pytest.raises(OSError, match="Input/output"):
                journal.append([stroke(1)])

    cuts.during(refused_once, lambda disk: None)
    assert not journal.torn

    def check(disk):
        content = (disk / journal.path.name).read_bytes()
        found = replay(parse(content), SHAPE, np.dtype("u1"))[0]
        np.testing.assert_array_equal(found, painted([0]))

    cuts.after(check)


def test_a_project_that_was_made_is_there(cuts):
    made = []
    cuts.during(
        lambda: made.append(Project.create(cuts.disk / "work")), lambda disk: None
    )
    cuts.after(lambda disk: Project.open(disk / "work.motionseg", read_only=True))
    made[0].close()


def test_every_stroke_that_was_acknowledged_is_there(cuts, filled):
    cuts.after(holds([]))
    for number in range(5):
        before, now = range(number), range(number + 1)
        act = [stroke(number)]
        cuts.during(lambda act=act: filled.append(act), holds(before, now))
        cuts.after(holds(now))


def test_strokes_are_there_although_the_folder_of_labels_was_deleted(cuts, filled):
    (filled.folder / "labels").rmdir()
    cuts.during(lambda: filled.append([stroke(0)]), lambda disk: None)
    cuts.after(holds([0]))


def test_compaction_loses_nothing_at_any_moment(cuts, filled):
    for number in range(3):
        act = [stroke(number)]
        cuts.during(lambda act=act: filled.append(act), lambda disk: None)
    cuts.during(filled.compact, holds(range(3)))
    cuts.after(holds(range(3)))
    cuts.during(lambda: filled.append([stroke(3)]), holds(range(3), range(4)))
    cuts.after(holds(range(4)))


def test_a_move_loses_nothing_at_any_moment(cuts, filled):
    cuts.during(lambda: filled.append([stroke(0)]), lambda disk: None)

    def check(disk):
        found = []
        for name in ("work.motionseg", "there.motionseg"):
            try:
                found.append(pixels_of(disk, name))
            except (MotionSegError, KeyError):
                continue
        assert any(np.array_equal(one, painted([0])) for one in found)

    cuts.during(lambda: filled.move(cuts.disk / "there"), check)
    cuts.after(check)
    cuts.after(holds([0], name="there.motionseg"))


def test_a_model_that_was_kept_is_there(cuts, filled, tmp_path):
    model = tmp_path / "net.safetensors"
    model.write_bytes(bytes(range(200)))
    cuts.during(lambda: filled.add_model(model, "embedding", "mine"), lambda disk: None)

    def check(disk):
        project = Project.open(disk / "work.motionseg", read_only=True)
        (record,) = project.manifest.models
        assert project.model_path(record).read_bytes() == bytes(range(200))

    cuts.after(check)


def test_pixels_of_a_loop_from_no_file_are_there(cuts, filled):
    noise = np.random.default_rng(0).integers(0, 255, SHAPE, dtype=np.uint8)
    cine = Cine.from_array(noise)
    cuts.during(lambda: filled.add_loop_content(1, cine), lambda disk: None)

    def check(disk):
        project = Project.open(disk / "work.motionseg", read_only=True)
        found = read_stored(project.manifest.loop(1), project.folder, 2**30)
        np.testing.assert_array_equal(found.frames, noise)

    cuts.after(check)
