"""What one task reads, found in folders, lists and DICOMDIR files."""

import os

import numpy as np
import pytest
import tifffile
from helpers import dicom_files as files

from napari_motionseg.batch.places import Part, Place, places
from napari_motionseg.errors import ReadError, SettingsError
from napari_motionseg.io import read_cines

FRAMES = 3


def loop(path, frames=FRAMES, **attributes):
    path.parent.mkdir(parents=True, exist_ok=True)
    data = files.xa_dataset(files.gray_frames(frames), **attributes)
    data.save_as(path, enforce_file_format=True)
    return path


def series(folder, count=3):
    for number in range(count):
        loop(
            folder / f"{number}.dcm", frames=1, SeriesInstanceUID="1.2.3",
            InstanceNumber=number + 1,
        )  # fmt: skip
    return folder


def loops_of(place):
    with place.loops() as loops:
        return loops


@pytest.fixture
def archive(tmp_path):
    root = tmp_path / "archive"
    loop(root / "a" / "one.dcm")
    loop(root / "a" / "two")
    series(root / "b")
    loop(root / "b" / "many.dcm")
    (root / "a" / "notes.pdf").write_text("no loop")
    (root / ".hidden").mkdir()
    loop(root / ".hidden" / "x.dcm")
    return root


def test_files_of_frames_and_series_of_single_frames(archive):
    found = list(places([archive]))
    assert [p.path.relative_to(archive).as_posix() for p in found] == [
        "a/one.dcm", "a/two", "b/many.dcm", "b",
    ]  # fmt: skip
    assert [len(p.files) for p in found] == [0, 0, 0, 3]
    counts = [len(cine) for place in found for cine in loops_of(place)]
    assert counts == [FRAMES, FRAMES, FRAMES, 3]
    everything = sorted(len(cine) for cine in read_cines(archive / "b"))
    assert everything == [FRAMES, 3]


def test_a_path_counts_once_however_it_is_reached(archive, tmp_path):
    listing = tmp_path / "loops.txt"
    listing.write_text("archive/a/one.dcm\n\narchive/b\n")
    found = list(places([listing, archive, archive / "a" / "two"]))
    assert len(found) == len({p.key for p in found}) == 4
    assert [p.path.name for p in found][:3] == ["one.dcm", "many.dcm", "b"]


def test_a_name_with_any_characters(tmp_path):
    name = "Ärzte 'x' $(rm) \udce9.dcm"
    path = tmp_path / os.fsencode(name).decode("utf-8", "surrogateescape")
    loop(tmp_path / "plain.dcm").rename(path)
    (found,) = places([tmp_path])
    assert len(found.key) == 64
    assert len(loops_of(found)) == 1


def test_a_missing_path_is_told(tmp_path):
    with pytest.raises(SettingsError, match="no such file or folder"):
        list(places([tmp_path / "nothing"]))


def test_a_known_file_s_header_is_not_read_again(archive, monkeypatch):
    first = {p.key for p in places([archive])}
    read = []
    monkeypatch.setattr(
        "napari_motionseg.batch.places.read_header", lambda path: read.append(path)
    )
    again = list(places([archive / "a"], lambda place: place.key in first))
    assert [p.path.name for p in again] == ["one.dcm", "two"]
    assert read == []


def test_parts_divide_an_archive_and_leave_nothing_out(tmp_path):
    all_places = [Place(tmp_path / str(n)) for n in range(400)]
    parts = [[p for p in all_places if Part(i, 3).has(p)] for i in (1, 2, 3)]
    assert sorted(p.path for part in parts for p in part) == sorted(
        p.path for p in all_places
    )
    assert min(map(len, parts)) > 90
    for wrong in ((0, 3), (4, 3)):
        with pytest.raises(SettingsError, match="from 1 to N"):
            Part(*wrong)


def test_the_stamp_changes_with_any_file(archive):
    *_, place = places([archive / "b"])
    before = place.stamp()
    assert before == place.stamp()
    os.utime(place.files[1], ns=(0, 0))
    changed = place.stamp()
    assert changed != before
    pixels = np.zeros(3, np.uint8).tobytes()
    place.files[2].write_bytes(place.files[2].read_bytes() + pixels)
    assert place.stamp() != changed
    place.files[0].unlink()
    with pytest.raises(ReadError, match="No such file"):
        place.stamp()


def test_a_list_of_windows_begins_with_a_mark(tmp_path):
    loop(tmp_path / "a.dcm")
    listing = tmp_path / "loops.txt"
    listing.write_bytes(b"\xef\xbb\xbfa.dcm\r\n")
    assert [place.path.name for place in places([listing])] == ["a.dcm"]


def test_a_list_that_names_itself_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("b.txt\n")
    (tmp_path / "b.txt").write_text("a.txt\n")
    with pytest.raises(SettingsError, match="names itself"):
        list(places([tmp_path / "a.txt"]))


@pytest.mark.parametrize("suffix", [".tif", ".npy"])
def test_single_frames_of_a_folder_are_one_place(tmp_path, suffix):
    write = {".tif": tifffile.imwrite, ".npy": np.save}[suffix]
    frames = np.arange(5 * 20 * 20, dtype=np.uint16).reshape(5, 20, 20)
    for t, frame in enumerate(frames):
        write(tmp_path / f"f{t}{suffix}", frame)
    write(tmp_path / f"stack{suffix}", frames)
    (tmp_path / f"damaged{suffix}").write_bytes(b"no loop")
    found = list(places([tmp_path]))
    assert len({place.key for place in found}) == 3
    (single,) = (place for place in found if place.files)
    (joined,) = loops_of(single)
    np.testing.assert_array_equal(joined.frames[:], frames)
