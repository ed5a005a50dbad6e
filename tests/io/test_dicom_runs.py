"""Single frames of one series: planes, runs, copies and sizes told apart."""

import shutil
import warnings

import numpy as np
import pytest
from helpers import dicom_files as files

from napari_motionseg.errors import PartialReadWarning
from napari_motionseg.io import read_cine, read_cines

SHAPE = (6, 5)


def save_frame(folder, name, gray, shape=SHAPE, **attributes):
    """Write a file of one even frame, of a series that all files share."""
    folder.mkdir(exist_ok=True, parents=True)
    data = files.xa_dataset(np.full((1, *shape), gray, np.uint8))
    data.SeriesInstanceUID = "1.2.3"
    with warnings.catch_warnings():  # pydicom's, of values that break the Standard
        warnings.simplefilter("ignore")
        for keyword, value in attributes.items():
            setattr(data, keyword, value)
        return files.save(data, folder / name)


def grays(cines):
    """First pixel of each frame of each loop."""
    return [[int(frame[0, 0]) for frame in cine.frames] for cine in cines]


def test_restarted_numbers_are_two_runs_by_acquisition_number(tmp_path):
    for gray in range(6):
        save_frame(
            tmp_path, f"{gray}.dcm", gray,
            InstanceNumber=gray % 3 + 1, AcquisitionNumber=gray // 3 + 1,
        )  # fmt: skip
    cines = read_cines(tmp_path)
    assert grays(cines) == [[0, 1, 2], [3, 4, 5]]
    assert len({cine.name for cine in cines}) == 2


def test_restarted_numbers_are_two_runs_by_time(tmp_path):
    """The first run lost a frame, and names say nothing of the order."""
    times = {0: "101500.1", 1: "101500.2", 2: "101530.0", 3: "101530.1", 4: "101530.2"}
    numbers = {0: 2, 1: 3, 2: 1, 3: 2, 4: 3}
    for gray, time in times.items():
        save_frame(
            tmp_path, f"{9 - gray}.dcm", gray,
            InstanceNumber=numbers[gray], AcquisitionTime=time,
        )  # fmt: skip
    assert grays(read_cines(tmp_path)) == [[0, 1], [2, 3, 4]]


def test_restarted_numbers_without_times_are_runs_in_the_order_of_names(tmp_path):
    for gray in range(6):
        save_frame(tmp_path, f"f{gray}.dcm", gray, InstanceNumber=gray % 3 + 1)
    assert grays(read_cines(tmp_path)) == [[0, 1, 2], [3, 4, 5]]


def test_an_acquisition_number_for_each_frame_divides_nothing(tmp_path):
    for gray in range(4):
        save_frame(
            tmp_path, f"{gray}.dcm", gray,
            InstanceNumber=gray + 1, AcquisitionNumber=gray + 1,
        )  # fmt: skip
    assert grays(read_cines(tmp_path)) == [[0, 1, 2, 3]]


def test_planes_of_a_biplane_system_are_two_loops(tmp_path):
    for gray in range(6):
        plane = "BIPLANE AB"[:8] + "AB"[gray % 2]
        save_frame(
            tmp_path, f"{gray}.dcm", gray, InstanceNumber=gray + 1,
            ImageType=["ORIGINAL", "PRIMARY", plane],
        )  # fmt: skip
    assert grays(read_cines(tmp_path)) == [[0, 2, 4], [1, 3, 5]]


def test_planes_that_only_the_angles_tell_apart(tmp_path):
    for gray in range(6):
        save_frame(
            tmp_path, f"{gray}.dcm", gray, InstanceNumber=gray // 2 + 1,
            PositionerPrimaryAngle=(-30, 60)[gray % 2], PositionerSecondaryAngle=0,
        )  # fmt: skip
    cines = read_cines(tmp_path)
    assert grays(cines) == [[0, 2, 4], [1, 3, 5]]
    assert [str(cine.view) for cine in cines] == ["RAO 30 CRA 0", "LAO 60 CRA 0"]


def test_a_rotating_arm_is_one_loop(tmp_path):
    for gray in range(6):
        save_frame(
            tmp_path, f"{gray}.dcm", gray, InstanceNumber=gray + 1,
            PositionerPrimaryAngle=-30 + 15 * (gray // 2), PositionerSecondaryAngle=0,
        )  # fmt: skip
    assert grays(read_cines(tmp_path)) == [[0, 1, 2, 3, 4, 5]]


def test_angles_of_planes_may_vary_a_little(tmp_path):
    for gray in range(6):
        save_frame(
            tmp_path, f"{gray}.dcm", gray, InstanceNumber=gray // 2 + 1,
            PositionerPrimaryAngle=(-30, 60)[gray % 2] + 0.4 * gray,
            PositionerSecondaryAngle=0,
        )  # fmt: skip
    assert grays(read_cines(tmp_path)) == [[0, 2, 4], [1, 3, 5]]


TIMES = ["235959.8", "235959.9", "000000.0", "000000.1", "000000.2"]


@pytest.mark.parametrize("date", [{}, {"AcquisitionDate": "20200101"}])
def test_the_order_by_time_passes_midnight(tmp_path, date):
    """Neither numbers nor names tell the order, and no date advances."""
    for gray, time in enumerate(TIMES):
        save_frame(tmp_path, f"{9 - gray}.dcm", gray, AcquisitionTime=time, **date)
    cine = read_cine(tmp_path)
    assert grays([cine]) == [[0, 1, 2, 3, 4]]
    np.testing.assert_allclose(cine.frame_times, [0, 100, 200, 300, 400])


def test_restarted_numbers_around_midnight(tmp_path):
    for gray, time in enumerate(TIMES):
        save_frame(
            tmp_path, f"{9 - gray}.dcm", gray,
            InstanceNumber=(1, 2, 3, 1, 2)[gray], AcquisitionTime=time,
        )  # fmt: skip
    assert grays(read_cines(tmp_path)) == [[0, 1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("numbers", "timed"),
    [
        ([1] * 4, False),
        ([1] * 4, True),
        ([0, 1, 1, 2], False),
        ([0, 1, 1, 2], True),
        ([1, 1, 2, 2], True),
    ],
)
def test_numbers_that_repeat_and_do_not_begin_again_are_one_run(
    tmp_path, numbers, timed
):
    """Some writers number all frames alike."""
    for gray, number in enumerate(numbers):
        time = {"AcquisitionTime": f"101500.{gray}"} if timed else {}
        save_frame(tmp_path, f"{gray}.dcm", gray, InstanceNumber=number, **time)
    assert grays(read_cines(tmp_path)) == [[0, 1, 2, 3]]


def test_numbers_that_fall_with_time_are_runs_by_name(tmp_path):
    for gray in range(6):
        save_frame(
            tmp_path, f"{gray}.dcm", gray,
            InstanceNumber=gray % 3 + 1, AcquisitionTime=f"101500.{9 - gray}",
        )  # fmt: skip
    loops = grays(read_cines(tmp_path))
    assert sorted(map(len, loops)) == [3, 3]


def test_frames_without_a_number_are_placed_by_name(tmp_path):
    for gray in range(4):
        number = {} if gray == 1 else {"InstanceNumber": gray + 1}
        save_frame(tmp_path, f"{gray}.dcm", gray, **number)
    assert grays(read_cines(tmp_path)) == [[0, 1, 2, 3]]


def test_frames_without_a_series_are_those_of_their_folder(tmp_path):
    for gray in range(6):
        save_frame(
            tmp_path / str(gray // 3), f"{gray}.dcm", gray,
            InstanceNumber=gray % 3 + 1, SeriesInstanceUID="",
        )  # fmt: skip
    assert grays(read_cines(tmp_path)) == [[0, 1, 2], [3, 4, 5]]


def test_patients_are_never_mixed_in_one_loop(tmp_path):
    """Programs that remove UIDs may give every series the same one."""
    for gray in range(6):
        save_frame(
            tmp_path, f"{gray}.dcm", gray,
            InstanceNumber=gray + 1, PatientID=str(gray // 3),
        )  # fmt: skip
    assert grays(read_cines(tmp_path)) == [[0, 1, 2], [3, 4, 5]]


def test_a_frame_of_another_size_is_left_out_by_name(tmp_path):
    for gray in range(3):
        save_frame(tmp_path, f"{gray}.dcm", gray, InstanceNumber=gray + 1)
    save_frame(tmp_path, "odd.dcm", 9, shape=(8, 8), InstanceNumber=2)
    with pytest.warns(PartialReadWarning, match=r"left out: .*odd\.dcm.*8 x 8"):
        assert grays(read_cines(tmp_path)) == [[0, 1, 2]]


def test_two_sizes_with_several_frames_each_are_two_loops(tmp_path):
    for gray in range(5):
        shape = (8, 8) if gray > 2 else SHAPE
        save_frame(tmp_path, f"{gray}.dcm", gray, shape=shape, InstanceNumber=gray)
    assert grays(read_cines(tmp_path)) == [[0, 1, 2], [3, 4]]


def test_frames_of_another_depth_do_not_share_a_range(tmp_path):
    for gray in range(3):
        save_frame(tmp_path, f"{gray}.dcm", gray, InstanceNumber=gray + 1)
    save_frame(tmp_path, "deep.dcm", 9, InstanceNumber=4, BitsStored=7, HighBit=6)
    with pytest.warns(PartialReadWarning, match=r"deep\.dcm.*7 bits"):
        (cine,) = read_cines(tmp_path)
    assert cine.bits_stored == 8


def test_copies_of_a_frame_are_left_out(tmp_path):
    for gray in range(3):
        save_frame(tmp_path, f"{gray}.dcm", gray, InstanceNumber=gray + 1)
    shutil.copy(tmp_path / "1.dcm", tmp_path / "1 (copy).dcm")
    with pytest.warns(PartialReadWarning, match=r"1\.dcm: it is a copy of 1 \(copy\)"):
        assert grays(read_cines(tmp_path)) == [[0, 1, 2]]


def test_one_uid_for_all_frames_makes_no_copies(tmp_path):
    for gray in range(3):
        save_frame(
            tmp_path, f"{gray}.dcm", gray, InstanceNumber=gray + 1,
            SOPInstanceUID="1.2.3.4",
        )  # fmt: skip
    assert grays(read_cines(tmp_path)) == [[0, 1, 2]]


def test_a_localizer_is_no_frame_of_the_run(tmp_path):
    for gray in range(3):
        kind = "LOCALIZER" if gray == 0 else "SINGLE PLANE"
        save_frame(
            tmp_path, f"{gray}.dcm", gray, InstanceNumber=gray + 1,
            ImageType=["ORIGINAL", "PRIMARY", kind],
        )  # fmt: skip
    with pytest.warns(PartialReadWarning, match=r"0\.dcm: it is a localizer"):
        assert grays(read_cines(tmp_path)) == [[1, 2]]


def test_a_damaged_file_does_not_lose_the_series(tmp_path):
    for gray in range(4):
        save_frame(tmp_path, f"{gray}.dcm", gray, InstanceNumber=gray + 1)
    content = (tmp_path / "2.dcm").read_bytes()
    (tmp_path / "2.dcm").write_bytes(content[:-20])
    with pytest.warns(PartialReadWarning, match=r"2\.dcm"):
        assert grays(read_cines(tmp_path)) == [[0, 1, 3]]


SECONDS = ("235959.9", "000000.1", "000000.3")


@pytest.mark.parametrize(
    ("attributes", "times", "basis"),
    [
        (
            {"AcquisitionDateTime": [f"2020010110150{t}.5+0100" for t in range(3)]},
            [0, 1000, 2000], "AcquisitionDateTime",
        ),
        (
            {"AcquisitionDateTime": [  # clocks go back in between
                "20201025025959.0+0200", "20201025020000.0+0100", "20201025020001+0100"
            ]},
            [0, 1000, 2000], "AcquisitionDateTime",
        ),
        (
            {"AcquisitionDate": ["20200101", "20200102", "20200102"],
             "AcquisitionTime": SECONDS},
            [0, 200, 400], "AcquisitionDate with AcquisitionTime",
        ),
        (  # a date that was not advanced at midnight
            {"AcquisitionDate": ["20200101"] * 3, "AcquisitionTime": SECONDS},
            [0, 200, 400], "AcquisitionTime",
        ),
        ({"ContentTime": SECONDS}, [0, 200, 400], "ContentTime"),
        (  # the acquisition's time is that of the run; the content's is the frame's
            {"AcquisitionTime": ["101500"] * 3,
             "ContentTime": ["101500.0", "101500.05", "101500.1"]},
            [0, 50, 100], "ContentTime",
        ),
        (
            {"AcquisitionTime": ["10:15:00", "10:15:01", "10:15:02"]},
            [0, 1000, 2000], "AcquisitionTime",
        ),
    ],
)  # fmt: skip
def test_times_of_single_frames(tmp_path, attributes, times, basis):
    for t in range(3):
        chosen = {keyword: values[t] for keyword, values in attributes.items()}
        save_frame(tmp_path, f"{t}.dcm", t, InstanceNumber=t + 1, **chosen)
    cine = read_cine(tmp_path)
    np.testing.assert_allclose(cine.frame_times, times, atol=1e-9)
    assert cine.timing_basis == basis


@pytest.mark.parametrize(
    ("times", "words"),
    [
        (["101500.1"] * 3, "do not rise"),
        (["101500.1", "", "101500.3"], "missing in 1 of 3 frames"),
        (["101500.1", "later", "101500.3"], "missing in 1 of 3 frames"),
    ],
)
def test_times_that_cannot_be_true_are_noted_and_the_rate_is_used(
    tmp_path, times, words
):
    for t, time in enumerate(times):
        save_frame(
            tmp_path, f"{t}.dcm", t, InstanceNumber=t + 1,
            AcquisitionTime=time, CineRate=10,
        )  # fmt: skip
    cine = read_cine(tmp_path)
    assert (cine.frame_interval, cine.timing_basis) == (100, "CineRate")
    assert any(words in note for note in cine.notes)
