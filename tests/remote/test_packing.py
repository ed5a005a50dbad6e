"""What travels: large parts once, files by content, no patient."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from napari_motionseg.cine import Cine
from napari_motionseg.errors import JobError
from napari_motionseg.remote.packing import APART_BYTES, Parcel, pack, unpack

SECRET = "Nightingale"


@pytest.fixture
def rooms(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    return here, there


def sent(content, rooms):
    parcel, contents = pack(content, rooms[0])
    return unpack(parcel, contents, rooms[1])


def a_loop(seed, patient=SECRET):
    frames = np.random.default_rng(seed).integers(0, 255, (4, 200, 200), np.uint8)
    cine = Cine.from_array(frames, pixel_spacing=(0.3, 0.3))
    return dataclasses.replace(
        cine, name=f"{patient}-{seed}", patient={"PatientID": patient},
        source=Path(f"/{patient}/loop.dcm"), notes=(f"read from {patient}",),
    )  # fmt: skip


def test_a_loop_arrives_with_its_pixels_and_without_its_patient(rooms):
    cine = a_loop(0)
    parcel, contents = pack([cine], rooms[0])
    found = unpack(parcel, contents, rooms[1])[0]
    assert (np.asarray(found.frames[:]) == np.asarray(cine.frames[:])).all()
    assert found.pixel_spacing == cine.pixel_spacing
    assert SECRET not in str(vars(found))
    assert cine.patient == {"PatientID": SECRET}  # the window keeps it


def test_loops_of_one_patient_are_still_known_as_such(rooms):
    loops = sent([a_loop(0), a_loop(1), a_loop(2, "another")], rooms)
    keys = [one.patient["PatientID"] for one in loops]
    assert keys[0] == keys[1] != keys[2]
    assert len({one.name for one in loops}) == 3
    # and another parcel says nothing about the same patient
    assert sent(a_loop(0), rooms).patient["PatientID"] != keys[0]


def test_equal_arrays_travel_once_and_small_ones_inside(rooms):
    large = np.arange(APART_BYTES, dtype=np.uint16)
    parcel, contents = pack([large, large.copy(), np.arange(4)], rooms[0])
    assert len(parcel.arrays) == 2
    assert len(contents) == 1
    for one in unpack(parcel, contents, rooms[1])[:2]:
        assert (one == large).all()
        one[:] = 0  # each is an array of its own, which a job may change


def test_paths_of_the_room_and_of_weights_are_the_same_files_there(rooms, tmp_path):
    here, there = rooms
    (here / "learnt.safetensors").write_bytes(b"weights")
    outside = tmp_path / "start.safetensors"
    outside.write_bytes(b"others")
    other = tmp_path / "loop.dcm"
    other.write_bytes(b"a patient")
    text = str(outside)
    paths = here / "learnt.safetensors", here / "new.npy", outside, other, here, text
    found = sent(paths, rooms)
    assert found[0] == there / "learnt.safetensors"
    assert found[0].read_bytes() == b"weights"
    assert found[1] == there / "new.npy"
    assert not found[1].exists()
    assert found[2].read_bytes() == b"others"
    assert found[2].is_relative_to(there)
    assert found[2].name == outside.name
    assert found[3] == other
    assert found[4] == there
    assert found[5] == str(found[2])
    assert sent("a.safetensors", rooms) == "a.safetensors"  # a word and no file


def test_weights_of_one_name_and_other_content_stay_apart(rooms, tmp_path):
    paths = [tmp_path / str(n) / "best.safetensors" for n in range(2)]
    for number, path in enumerate(paths):
        path.parent.mkdir()
        path.write_bytes(bytes([number]))
    assert [path.read_bytes() for path in sent(paths, rooms)] == [b"\0", b"\1"]


def test_what_comes_back_is_written_to_the_room_alone(rooms, tmp_path):
    class Leaving:
        def __reduce__(self):
            return Path, (str(tmp_path / "here" / ".." / "victim"),)

    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    parcel, contents = pack(tmp_path / "here" / ".." / "victim", rooms[0])
    with pytest.raises(JobError, match="no files outside"):
        unpack(parcel, contents, rooms[1])
    assert victim.read_bytes() == b"mine"


def test_a_content_that_was_lost_or_damaged_is_told(rooms):
    parcel, contents = pack(np.zeros(APART_BYTES), rooms[0])
    with pytest.raises(JobError, match="lost on its way"):
        unpack(parcel, {}, rooms[1])
    digest = parcel.arrays[0]
    _, others = pack(np.ones(APART_BYTES), rooms[0])
    with pytest.raises(JobError, match="lost on its way"):
        unpack(parcel, {digest: next(iter(others.values()))}, rooms[1])


def test_what_cannot_be_pickled_is_told(rooms):
    with pytest.raises(JobError, match="cannot be sent"):
        pack(lambda: None, rooms[0])


def test_a_parcel_names_all_that_stands_beside_it():
    assert Parcel(b"", ("a", "b"), ("c", "a")).digests == {"a", "b", "c"}
