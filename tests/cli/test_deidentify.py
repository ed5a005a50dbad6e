"""`motionseg deidentify` copies loops and segmentations without identity."""

from pathlib import Path

import numpy as np
from helpers import seg_loops
from helpers.commands import refused

from napari_motionseg.io import read_cine
from napari_motionseg.io.dicom_seg_reader import is_segmentation, read_segmentation
from napari_motionseg.io.dicom_seg_writer import write_segmentation
from napari_motionseg.io.dicom_writer import write_xa


def folder_of(tmp_path, **attributes):
    """A folder with a loop and its segmentation."""
    place = tmp_path / "Doe_Jane"
    place.mkdir()
    cine, _ = seg_loops.loop(place, **attributes)
    masks, labelled = seg_loops.masks()
    write_segmentation(place / "seg.dcm", cine, masks, labelled=labelled)
    (place / "notes.txt").write_text("no file of DICOM")
    return place


def test_a_folder_is_copied_and_stays_related(motionseg, tmp_path):
    place, out = folder_of(tmp_path, BurnedInAnnotation="NO"), tmp_path / "out"
    answer = motionseg("deidentify", place, "--out", out, "--json")
    assert answer.code == 0, answer.err
    copies = [row["out"] for row in answer.rows]
    assert len(copies) == len(list(out.iterdir())) == 2
    (segmentation,) = filter(is_segmentation, copies)
    (loop,) = set(copies) - {segmentation}
    found = read_segmentation(segmentation, read_cine(loop))
    np.testing.assert_array_equal(found.labels, seg_loops.masks()[0])
    assert not [path for path in out.iterdir() if b"Doe" in path.read_bytes()]


def test_one_key_gives_one_set_of_uids(motionseg, tmp_path):
    place = folder_of(tmp_path, BurnedInAnnotation="NO")
    key = tmp_path / "key"
    key.write_bytes(b"0123456789abcdef")
    names = []
    for run, words in enumerate([("--key", key), ("--key", key), ()]):
        out = tmp_path / str(run)
        answer = motionseg("deidentify", place, "--out", out, *words)
        assert answer.code == 0, answer.err
        names.append({path.name for path in out.iterdir()})
    assert names[0] == names[1] != names[2]
    key.write_bytes(b"short")
    answer = motionseg("deidentify", place, "--out", tmp_path / "x", "--key", key)
    assert answer.code == 2
    assert "at least 16 bytes" in answer.err


def test_burned_in_text_fails_and_the_others_are_copied(motionseg, tmp_path):
    place, out = folder_of(tmp_path, BurnedInAnnotation="YES"), tmp_path / "out"
    answer = motionseg("deidentify", place, "--out", out)
    assert answer.code == 2
    assert "1 of 2 files failed" in answer.err
    assert len(list(out.iterdir())) == 1
    assert motionseg("deidentify", place, "--out", out, "--allow-burned-in").code == 0
    answer = motionseg("deidentify", place, "--out", out, "--dates", "keep")
    assert answer.code == 2
    assert "remove or shift" in answer.err


def test_a_named_file_is_copied_even_beside_itself(motionseg, small_cine, tmp_path):
    folder = tmp_path / "in" / "sub"
    folder.mkdir(parents=True)
    write_xa(folder / "a.dcm", small_cine)
    for given, out in ((folder / "a.dcm", folder), (folder, tmp_path / "in")):
        (row,) = motionseg("deidentify", given, "--out", out, "--json").rows
        assert Path(row["out"]).is_file()
        Path(row["out"]).unlink()


def test_copies_are_not_mixed_with_a_folder_of_originals(
    motionseg, small_cine, tmp_path
):
    write_xa(tmp_path / "a.dcm", small_cine)
    answer = motionseg("deidentify", tmp_path, "--out", tmp_path)
    assert refused(answer, "is the folder of the originals")
    assert [path.name for path in tmp_path.iterdir()] == ["a.dcm"]
