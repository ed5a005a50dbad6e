"""`motionseg info --check` counts the frames that cannot be decoded."""


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
