"""How far a batch is."""

import pytest

from napari_motionseg.batch.overview import note_listed, status
from napari_motionseg.batch.places import Part
from napari_motionseg.batch.records import DONE, FAILED, BatchFolder, Record


def done(number, **facts):
    row = {"loop": f"loop{number}", "frames": 4, "vessel_area": [1.0, 5.0], **facts}
    key = f"{number:064x}"
    return Record(
        key, f"/data/loop{number}.dcm", "s", DONE, seconds=2.0 + number,
        results=((f"loop{number}_masks.npz", 10, "sha"),), rows=(row,),
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    batch = BatchFolder(tmp_path / "out", {"task": "segment"})
    batch.write(done(0))
    batch.write(done(2, loop="=HYPERLINK(1)"))
    batch.write(Record(f"{5:064x}", "/data/bad.dcm", "s", FAILED, reason="is damaged"))
    batch.write(Record(f"{6:064x}", "/data/now.dcm", "s"))
    return batch


def test_before_a_listing_has_ended_nothing_is_known_to_be_missing(folder):
    found = status(folder)
    assert (found.done, found.failed, found.working) == (2, 1, 1)
    assert found.failures == (("/data/bad.dcm", "is damaged"),)
    assert (found.missing, found.left_s) == (None, None)


def test_missing_parts_and_time_left(folder):
    note_listed(folder, Part(), 100)
    note_listed(folder, Part(2, 4), 6)
    note_listed(folder, Part(1, 4), 5)
    found = status(folder)
    assert (found.found, found.parts, found.parts_listed) == (11, 4, 2)
    assert found.missing == 11 - 3
    assert found.left_s == 8 * 3.0


def test_a_broken_note_or_record_is_as_none(folder):
    note_listed(folder, Part(), 7)
    (folder.folder / "parts" / "1-of-1.json").write_text("[]")
    record = folder.folder / "records" / "00" / f"{0:064x}.json"
    record.write_text('{"key": 3}')
    found = status(folder)
    assert (found.done, found.missing) == (1, None)
