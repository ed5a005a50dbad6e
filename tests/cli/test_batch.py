"""`motionseg batch`: an archive in parts, its status and its table."""

import csv
import json

import numpy as np
import pytest
from helpers.commands import refused

from napari_motionseg.cli.batch import parsed_part
from napari_motionseg.errors import SettingsError
from napari_motionseg.io import read_labels
from napari_motionseg.io.dicom_seg_reader import read_segmentation
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.io.reading import read_cine


@pytest.fixture
def archive(tmp_path, small_cine):
    root = tmp_path / "archive"
    for name in ("a/loop.dcm", "b/loop.dcm"):
        (root / name).parent.mkdir(parents=True)
        write_xa(root / name, small_cine)
    (root / "b" / "damaged.dcm").write_bytes(
        (root / "b" / "loop.dcm").read_bytes()[:900]
    )
    return root


def test_an_archive_is_segmented_in_parts(
    motionseg, archive, light, tmp_path, small_cine
):
    out, single = tmp_path / "out", tmp_path / "single"
    found = 0
    for part in ("1/2", "2/2"):
        answer = motionseg(
            "batch", "segment", archive, "--out", out, "--model", light, "--part", part,
            "--json",
        )  # fmt: skip
        found += answer.rows[0]["found"]
    assert found == 3
    (told,) = motionseg("batch", "status", out, "--json").rows
    assert (told["done"], told["failed"], told["missing"]) == (2, 1, 0)
    assert told["failures"][0][0].endswith("damaged.dcm")
    masks = sorted((out / "results").glob("*_masks.npz"))
    assert len({path.name for path in masks}) == 2  # of two loops of one name
    motionseg("segment", archive / "a" / "loop.dcm", "--model", light, "--out", single)
    (alone,) = single.glob("*.npz")
    expected = read_labels(alone, shape=small_cine.shape).labels
    for path in masks:
        labels = read_labels(path, shape=small_cine.shape).labels
        np.testing.assert_array_equal(labels, expected)
    motionseg("batch", "table", out, "--out", tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["state"] for row in rows) == ["done", "done", "failed"]
    assert {row["vessel_area_unit"] for row in rows} == {"mm2", ""}
    text = json.dumps(rows).lower()
    assert "patient" not in text.replace(str(tmp_path).lower(), "")


def test_words_and_exit_codes(motionseg, archive, light, tmp_path):
    words = ("batch", "segment", archive, "--out", tmp_path / "out", "--model", light)
    first = motionseg(*words)
    assert first.code == 1
    assert "3 found: 2 done now, 0 before, 1 failed" in first.out
    assert "batch status" in first.err
    (archive / "b" / "damaged.dcm").unlink()
    again = motionseg(*words)
    assert again.code == 0
    assert "2 found: 0 done now, 2 before, 0 failed" in again.out
    assert (
        "done 2, failed 1, in work 0"
        in motionseg("batch", "status", tmp_path / "out").out
    )
    other = motionseg(*words, "--threshold", "0.7")
    assert other.code == 2
    assert "threshold 0.5, now 0.7" in other.err


def test_dicom_segmentations_of_an_archive(motionseg, archive, light, tmp_path):
    motionseg(
        "batch", "segment", archive / "a", "--out", tmp_path / "out", "--model", light,
        "--format", "dicom-seg",
    )  # fmt: skip
    (path,) = (tmp_path / "out" / "results").glob("*.dcm")
    found = read_segmentation(path, read_cine(archive / "a" / "loop.dcm"))
    assert found.labels.any()
    # results in the archive are no loops of it
    (tmp_path / "out").rename(archive / "out")
    (row,) = motionseg(
        "batch", "segment", archive, "--out", tmp_path / "next", "--model", light,
        "--json",
    ).rows  # fmt: skip
    assert row["found"] == 3


@pytest.mark.parametrize(
    ("environment", "part"),
    [
        ({}, (1, 1)),
        ({"SLURM_ARRAY_TASK_ID": "5", "SLURM_ARRAY_TASK_MIN": "3",
          "SLURM_ARRAY_TASK_MAX": "10", "SLURM_ARRAY_TASK_COUNT": "8"}, (3, 8)),
        ({"SLURM_ARRAY_TASK_ID": "0", "SLURM_ARRAY_TASK_MIN": "0",
          "SLURM_ARRAY_TASK_MAX": "3", "SLURM_ARRAY_TASK_COUNT": "4"}, (1, 4)),
    ],
)  # fmt: skip
def test_the_part_of_a_slurm_array(environment, part):
    found = parsed_part("", environment)
    assert (found.number, found.count) == part
    assert parsed_part("2/9", environment).count == 9


def test_a_part_that_is_none():
    for text in ("3", "a/b", "1/", "0/4", "5/4", "-1/4"):
        with pytest.raises(SettingsError, match="I/N"):
            parsed_part(text, {})
    gaps = {"SLURM_ARRAY_TASK_ID": "5", "SLURM_ARRAY_TASK_MIN": "1",
            "SLURM_ARRAY_TASK_MAX": "9", "SLURM_ARRAY_TASK_COUNT": "5"}  # fmt: skip
    with pytest.raises(SettingsError, match="must follow each other"):
        parsed_part("", gaps)


def test_an_unknown_format_is_refused_before_work(motionseg, archive, tmp_path):
    answer = motionseg(
        "batch", "segment", archive, "--out", tmp_path / "out", "--format", "jpeg"
    )
    assert answer.code == 2
    assert "must be one of npz" in answer.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "end"),
    [
        (("flow", "--method", "ilk", "--gap", 1), "_flow.npz"),
        (("embed", "--model", "light"), "_embedding.npz"),
        (("measure", "--model", "light"), "_measurement.json"),
    ],
)
def test_other_tasks_of_an_archive(motionseg, archive, light, tmp_path, words, end):
    out = tmp_path / "out"
    words = [light if word == "light" else word for word in words]
    motionseg("batch", words[0], archive / "a", "--out", out, *words[1:])
    names = [path.name for path in (out / "results").iterdir()]
    assert any(name.endswith("_thumbnail.png") for name in names)
    if end != "_measurement.json":  # grain is no vessel to be measured
        assert any(name.endswith(end) for name in names)
    motionseg("batch", "table", out, "--out", tmp_path / "loops.csv")
    with (tmp_path / "loops.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["state"] == "done"
    motionseg("batch", "index", out)
    assert "loop" in (out / "index.html").read_text(encoding="utf-8")
    other = motionseg("batch", "segment", archive, "--out", out, "--model", light)
    assert other.code == 2  # a folder has results of one task


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--threshold", "nan"), "threshold must be between 0 and 1"),
        (("--batch", "0"), "batch must be at least 1"),
        (("--model", "nowhere"), "there is no such checkpoint"),
        (("--model", "."), "is not a file"),
        (("--model", "/dev/zero"), "is not a file"),
        (("--model", "pwcnet-xa"), "is a checkpoint of kind 'flow'"),
    ],
)
@pytest.mark.parametrize("task", ["segment", "measure"])
def test_what_no_loop_could_use_is_refused_before_work(
    motionseg, archive, tmp_path, task, words, said
):
    out = tmp_path / "out"
    assert refused(motionseg("batch", task, archive, "--out", out, *words), said)
    assert not out.exists()


def test_a_file_in_the_place_of_the_folder(motionseg, archive, light, tmp_path):
    (tmp_path / "out").write_text("mine")
    answer = motionseg(
        "batch", "segment", archive, "--out", tmp_path / "out", "--model", light
    )
    assert refused(answer, "is not a folder")
    assert (tmp_path / "out").read_text() == "mine"
