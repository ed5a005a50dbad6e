"""Notes on vessels: what they say, and files that say nonsense."""

import json

import pytest

from napari_motionseg.measurement import Calibration
from napari_motionseg.viewmodel.vessel_notes import LoopNotes, VesselNotes, notes_of

FULL = LoopNotes(
    (
        VesselNotes(1, ((3, 1.5, 2.0), (3, 4.0, 8.0), (5, 1.0, 1.0))),
        VesselNotes(
            4, ((0, 1.0, 2.0),), "edges", "mean local", (1.0, 5.0), ((0, 1.0, 2.0),)
        ),
    ),
    4,
    Calibration(0.2, 0.25, "catheter 6F", True, 0.01),
)


def test_notes_survive_json():
    assert notes_of(json.loads(json.dumps(FULL.as_json()))) == FULL


def test_points_belong_to_a_frame():
    first = FULL.numbered(1)
    assert first.frame == 3
    assert first.points(3) == ((1.5, 2.0), (4.0, 8.0))
    assert first.points(4) == ()
    assert VesselNotes(1).frame is None


def test_other_points_reset_what_was_dragged_on_the_plot():
    vessel = FULL.numbered(4)
    moved = vessel.placed(((0, 1.0, 3.0),))
    assert (moved.markers, moved.borders) == (None, ())
    assert vessel.placed(vessel.places) is vessel
    assert FULL.calibrated(None).numbered(4).borders == ()


def test_numbers_of_vessels_are_not_used_again():
    more = FULL.with_new()
    assert more.current == 5
    assert more.vessel.method == "edges"
    left = more.without_current()
    assert left.current == 4
    alone = LoopNotes().without_current()
    assert alone == LoopNotes()
    assert alone.is_empty


@pytest.mark.parametrize(
    "damage",
    [
        lambda row: row.update(current=9),
        lambda row: row.update(vessels=[]),
        lambda row: row.update(vessels="many"),
        lambda row: row["vessels"][0].update(number=4),
        lambda row: row["vessels"][0].update(places=[[0, 1, float("nan")]]),
        lambda row: row["vessels"][0].update(places=[[0.5, 1, 2]]),
        lambda row: row["vessels"][0].update(places=[[0, 1]]),
        lambda row: row["vessels"][0].update(method="magic"),
        lambda row: row["vessels"][1].update(markers=[1]),
        lambda row: row["calibration"].update(row_mm=-1),
        lambda row: row["calibration"].pop("basis"),
    ],
)
def test_damaged_notes_are_none(damage):
    row = json.loads(json.dumps(FULL.as_json()))
    damage(row)
    assert notes_of(row) is None


@pytest.mark.parametrize("row", [None, [], "notes", 3, {}])
def test_what_is_no_notes_is_none(row):
    assert notes_of(row) is None
