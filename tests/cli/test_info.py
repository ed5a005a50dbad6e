"""`motionseg info` describes loops and goes on after a file that it cannot read."""

import numpy as np


def test_damaged_frames_are_counted(motionseg, damaged_file):
    answer = motionseg("info", "--check", damaged_file)
    assert answer.code == 0
    assert "2 of 8 frames are damaged and left out (2, 5)" in answer.out
    assert answer.err.count("note:") == 1
    (row,) = motionseg("info", "--check", "--json", damaged_file).rows
    assert row["damaged_frames"] == [2, 5]
    assert row["frames"] == 8


def test_nothing_is_said_of_damage_unless_asked(motionseg, damaged_file, loop_file):
    answer = motionseg("info", damaged_file)
    assert "damaged and left out" not in answer.out + answer.err
    assert "damaged_frames" not in motionseg("info", "--json", damaged_file).rows[0]
    assert "no damaged frame" in motionseg("info", "--check", loop_file).out


def test_a_loop_without_a_good_frame_fails(
    motionseg, tmp_path, small_cine, write_damaged, loop_file
):
    bad = write_damaged(tmp_path / "bad.dcm", small_cine, range(8))
    answer = motionseg("info", "--check", bad, loop_file)
    assert answer.code == 2
    assert "no frame of this loop can be decoded" in answer.err
    assert "loop.dcm" in answer.out


def test_info_is_one_line_a_loop(motionseg, loop_file):
    answer = motionseg("info", loop_file, loop_file)
    assert answer.code == 0
    first, second = answer.out.splitlines()
    assert first == second
    for part in ("8 frames", "96 x 96", "8 bits", "66.7 ms", "mm a pixel"):
        assert part in first


def test_info_as_json(motionseg, loop_file, small_cine):
    (row,) = motionseg("info", loop_file, "--json").rows
    assert (row["frames"], row["rows"], row["columns"]) == small_cine.shape
    assert row["transfer_syntax"]
    np.testing.assert_allclose(row["frame_times_ms"], small_cine.frame_times, atol=1e-3)
    np.testing.assert_allclose(
        row["pixel_spacing_mm"], small_cine.pixel_spacing, rtol=1e-6
    )
    assert row["spacing_basis"]


def test_patients_are_named_only_on_demand(motionseg, tmp_path, loop_file):
    import pydicom

    dataset = pydicom.dcmread(loop_file)
    dataset.PatientName, dataset.PatientID = "Doe^Jane", "4711"
    dataset.PatientBirthDate = "19510203"
    dataset.save_as(tmp_path / "named.dcm")
    for words in ((), ("--json",)):
        quiet = motionseg("info", tmp_path / "named.dcm", *words)
        assert not any(x in quiet.out for x in ("Doe", "4711", "19510203"))
        open_ = motionseg("info", tmp_path / "named.dcm", "--phi", *words)
        assert all(x in open_.out for x in ("Doe", "4711", "19510203"))


def test_info_goes_on_after_a_bad_file(motionseg, tmp_path, loop_file):
    (tmp_path / "no.dcm").write_text("not a loop")
    answer = motionseg("info", tmp_path / "no.dcm", loop_file)
    assert answer.code == 2
    assert "8 frames" in answer.out
    assert "no.dcm" in answer.err
    assert "1 of 2 paths failed" in answer.err


def test_warnings_of_a_reader_are_one_line(motionseg, tmp_path, loop_file):
    data = loop_file.read_bytes()
    (tmp_path / "short.dcm").write_bytes(data[: len(data) - 3 * 96 * 96])
    answer = motionseg("info", tmp_path / "short.dcm")
    assert answer.code == 0
    assert "5 frames" in answer.out
    (line,) = answer.err.strip().splitlines()
    assert line.startswith("note:")
