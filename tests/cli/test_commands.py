"""Every command does its work and says so; bad input costs one line and exit code 2."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tifffile
import torch

from napari_motionseg import __version__
from napari_motionseg.cine import Cine
from napari_motionseg.io import read_cine, read_labels
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.io.flow_files import read_flo, read_flow_zarr, read_kitti
from napari_motionseg.models import read_card
from napari_motionseg.synthesis import PairBatch

SMALL = ("--crop", 48, "--batch", 1)


def refused(answer, *words):
    """Whether it was bad input, told in one line that holds `words`."""
    assert answer.code == 2, answer.err
    assert answer.out == ""
    assert "Traceback" not in answer.err
    (line,) = answer.err.strip().splitlines()
    for word in words:
        assert word in line
    return True


# info


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


# synth


def test_synth_writes_loops_and_their_truth(motionseg, tmp_path):
    answer = motionseg(
        "synth", tmp_path, "--cines", 2, "--frames", 4, "--size", 64,
        "--seed", 5, "--json",
    )  # fmt: skip
    assert answer.code == 0
    assert [row["seed"] for row in answer.rows] == [5, 6]
    for row in answer.rows:
        cine = read_cine(row["cine"])
        assert cine.shape == (4, 64, 64)
        with np.load(row["truth"]) as truth:
            assert truth["flow"].shape == (3, 2, 64, 64)
            assert truth["labelled"].all()
        assert read_labels(row["truth"], shape=cine.shape).labels.shape == cine.shape
    again = tmp_path / "again"
    motionseg("synth", again, "--frames", 4, "--size", 64, "--seed", 6)
    np.testing.assert_array_equal(
        np.asarray(read_cine(again / "cine_000.dcm").frames),
        np.asarray(read_cine(answer.rows[1]["cine"]).frames),
    )


def test_synth_refuses_a_size_that_cannot_be(motionseg, tmp_path):
    assert refused(motionseg("synth", tmp_path, "--size", 3), "size")


# flow


def test_flow_is_written_with_what_it_rests_on(motionseg, tmp_path, loop_file):
    out = tmp_path / "flow.zarr"
    answer = motionseg(
        "flow", loop_file, "--method", "ilk", "--backward", "--out", out, "--json"
    )
    assert answer.code == 0, answer.err
    (row,) = answer.rows
    assert (row["gap"], row["pairs"]) == (2, 6)
    assert 0 <= row["agreement"] <= 1
    forward, backward, attributes = read_flow_zarr(out)
    assert forward.shape == backward.shape == (6, 2, 96, 96)
    assert attributes["gap"] == 2
    assert attributes["method"] == "ilk"
    lengths = np.hypot(forward[:, 0], forward[:, 1])
    assert row["median_px"] == pytest.approx(float(np.median(lengths)), abs=1e-2)


def test_flow_is_kept_for_next_time(motionseg, tmp_path, loop_file, monkeypatch):
    monkeypatch.setenv("MOTIONSEG_CACHE", str(tmp_path / "kept"))
    words = ("flow", loop_file, "--method", "ilk", "--gap", "1", "--out")
    assert motionseg(*words, tmp_path / "a.zarr", "--no-cache").code == 0
    assert not (tmp_path / "kept").exists()
    assert motionseg(*words, tmp_path / "b.zarr").code == 0
    flows = tmp_path / "kept" / "motionseg-cache" / "flow"
    assert len([entry for entry in flows.iterdir() if entry.is_dir()]) == 1
    monkeypatch.setattr(
        "napari_motionseg.motion.classical.ClassicalEstimator.flow",
        lambda *_: pytest.fail("estimated again"),
    )
    assert motionseg(*words, tmp_path / "c.zarr").code == 0
    kept, again = (read_flow_zarr(tmp_path / f"{n}.zarr")[0] for n in "bc")
    np.testing.assert_array_equal(kept, again)


def test_flow_says_its_result_in_a_line(motionseg, tmp_path, loop_file):
    words = ("--method", "ilk", "--gap", 3, "--out", tmp_path / "f.zarr")
    answer = motionseg("flow", loop_file, *words)
    assert "5 pairs by ilk" in answer.out
    assert "gap 3" in answer.out


def test_flow_as_a_movie_and_as_one_frame(motionseg, tmp_path, loop_file):
    words = ("flow", loop_file, "--method", "ilk", "--out")
    assert motionseg(*words, tmp_path / "flow.mp4").code == 0
    assert read_cine(tmp_path / "flow.mp4").shape == (6, 96, 96)
    assert motionseg(*words, tmp_path / "flow.png", "--frame", 2).code == 0
    found, valid = read_kitti(tmp_path / "flow.png")
    assert found.shape == (2, 96, 96)
    assert valid.any()
    assert motionseg(*words, tmp_path / "f.flo", "--frame", 2).code == 0
    assert read_flo(tmp_path / "f.flo").shape == (2, 96, 96)
    answer = motionseg(*words, tmp_path / "g.flo", "--frame", 6)
    assert answer.code == 2
    assert "from 0 to 5" in answer.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--gap", "0"), "gap"),
        (("--gap", "nine"), "nine"),
        (("--gap", "99"), "99"),
        (("--method", "magic"), "magic"),
        (("--weights", "nowhere.pth"), "nowhere.pth"),
        (("--device", "abacus"), "abacus"),
    ],
)
def test_flow_refuses(motionseg, tmp_path, loop_file, words, told):
    out = tmp_path / "f.zarr"
    assert refused(motionseg("flow", loop_file, "--out", out, *words), told)
    assert not out.exists()


def test_motion_needs_two_frames(motionseg, tmp_path):
    write_xa(tmp_path / "one.dcm", Cine.from_array(np.zeros((1, 64, 64), np.uint8)))
    words = ("--method", "ilk", "--out", tmp_path / "f.zarr")
    assert refused(motionseg("flow", tmp_path / "one.dcm", *words), "two")


# pretrain, finetune, segment


@pytest.fixture(scope="module")
def embedding(tmp_path_factory, loop_file):
    from napari_motionseg.cli.app import execute

    path = tmp_path_factory.mktemp("models") / "embedding.safetensors"
    words = [
        "pretrain", loop_file, "--steps", 2, "--width", 4, "--points", 30,
        "--flow-method", "ilk", "--out", path, *SMALL,
    ]  # fmt: skip
    assert execute([str(word) for word in words]) == 0
    return path


@pytest.fixture(scope="module")
def vessel(tmp_path_factory, loop_file, label_file, embedding):
    from napari_motionseg.cli.app import execute

    path = tmp_path_factory.mktemp("models") / "vessel.safetensors"
    words = [
        "finetune", loop_file, "--labels", label_file, "--model", embedding,
        "--steps", 2, "--out", path, *SMALL,
    ]  # fmt: skip
    assert execute([str(word) for word in words]) == 0
    return path


def test_pretraining_goes_on_where_it_was(motionseg, loop_file, embedding, tmp_path):
    card = read_card(embedding)
    assert card.kind == "embedding"
    out = tmp_path / "e.safetensors"
    words = (
        "pretrain", loop_file, "--width", 4, "--points", 30, "--flow-method", "ilk",
        "--out", out, *SMALL,
    )  # fmt: skip
    assert motionseg(*words, "--steps", 2).code == 0
    answer = motionseg(*words, "--steps", 3, "--workers", 1, "--resume", "--json")
    assert answer.code == 0, answer.err
    (row,) = answer.rows
    assert row["kind"] == "embedding"
    assert "Resumed after step 2" in answer.err


def test_finetuning_and_segmentation(motionseg, loop_file, vessel, tmp_path, synthetic):
    assert read_card(vessel).kind == "segmentation"
    for form in ("npz", "tiff", "png"):
        answer = motionseg(
            "segment", loop_file, "--model", vessel, "--out", tmp_path / form,
            "--format", form, "--json",
        )  # fmt: skip
        assert answer.code == 0, answer.err
        (row,) = answer.rows
        assert row["frames"] == 8
    with np.load(tmp_path / "npz" / "loop_masks.npz") as stored:
        masks = stored["labels"]
    assert masks.shape == synthetic.masks.shape
    tiff = tifffile.imread(tmp_path / "tiff" / "loop_masks.tiff")
    np.testing.assert_array_equal(tiff, masks)
    assert len(list((tmp_path / "png" / "loop_masks").glob("*.png"))) == 8


def test_two_loops_of_one_name_keep_their_masks(
    motionseg, loop_file, small_cine, vessel, tmp_path
):
    """Archives call everything IM0001; some loops even have the same pixels."""
    loops = [tmp_path / folder / "IM0001" for folder in "ab"]
    for path in loops:
        write_xa(path, small_cine)
    words = ("--model", vessel, "--out", tmp_path / "out", "--json")
    found = {}
    for loop in (*loops, loops[0]):
        (row,) = motionseg("segment", loop, *words).rows
        assert row["source"] == str(loop)
        found.setdefault(loop, []).append(row["masks"])
    assert found[loops[0]] == [str(tmp_path / "out" / "IM0001_masks.npz")] * 2
    assert found[loops[1]][0] not in found[loops[0]]
    assert len(list((tmp_path / "out").glob("*.npz"))) == 2


def test_a_bad_loop_does_not_stop_the_others(motionseg, loop_file, vessel, tmp_path):
    (tmp_path / "bad.dcm").write_bytes(b"no")
    words = ("--model", vessel, "--out", tmp_path / "o")
    answer = motionseg("segment", tmp_path / "bad.dcm", loop_file, *words)
    assert answer.code == 2
    assert (tmp_path / "o" / "loop_masks.npz").exists()
    assert "1 of 2 loops failed" in answer.err


def test_finetuning_from_scratch_with_a_single_painted_frame(
    motionseg, loop_file, synthetic, tmp_path
):
    tifffile.imwrite(tmp_path / "frame.tiff", synthetic.masks[6].astype(np.uint8))
    out = tmp_path / "v.safetensors"
    answer = motionseg(
        "finetune", loop_file, "--labels", tmp_path / "frame.tiff", "--frame", 6,
        "--model", "scratch", "--width", 4, "--steps", 1, "--out", out, "--json", *SMALL
    )  # fmt: skip
    assert answer.code == 0, answer.err
    assert json.loads(answer.out)["kind"] == "segmentation"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--model", "nowhere.safetensors"), "nowhere.safetensors"),
        (("--model", "scratch", "--recipe", "soup"), "soup"),
        (("--model", "scratch", "--label-mode", "rough"), "rough"),
        (("--model", "scratch", "--frame", "99"), "99"),
        (("--model", "scratch", "--steps", "0"), "--steps"),
        (("--model", "scratch", "--labels", "nowhere.npz"), "--labels"),
    ],
)
def test_finetune_refuses(motionseg, loop_file, label_file, tmp_path, words, told):
    out = tmp_path / "v.safetensors"
    answer = motionseg(
        "finetune", loop_file, "--labels", label_file, "--out", out, *words
    )
    assert refused(answer, told)
    assert not out.exists()


def test_an_embedding_segments_nothing(motionseg, loop_file, embedding, tmp_path):
    words = ("--model", embedding, "--out", tmp_path)
    assert refused(motionseg("segment", loop_file, *words), "segmentation")


def test_segment_refuses_an_unknown_format(motionseg, loop_file, vessel, tmp_path):
    words = ("--model", vessel, "--out", tmp_path, "--format", "gif")
    assert refused(motionseg("segment", loop_file, *words), "gif")


def test_pretrain_refuses_an_unknown_objective(motionseg, loop_file, tmp_path):
    words = ("--objective", "luck", "--out", tmp_path / "e.safetensors")
    assert refused(motionseg("pretrain", loop_file, *words), "luck")


def test_several_objectives_on_a_hypercolumn(motionseg, loop_file, tmp_path):
    out = tmp_path / "e.safetensors"
    answer = motionseg(
        "pretrain", loop_file, "--objective", "cross-pixel", "--objective",
        "temporal-consistency=0.5", "--option", "cross-pixel.sigma=0.2", "--points", 20,
        "--head", "hypercolumn", "--steps", 2, "--width", 4, "--flow-method", "ilk",
        "--look-every", 1, "--out", out, *SMALL, "--batch", 2, "--parts", 2,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    facts = read_card(out).provenance
    expected = {"cross-pixel": 1.0, "temporal-consistency": 0.5}
    assert facts["pretraining"]["objective"] == expected
    assert facts["training"]["parts"] == 2
    log = sorted(path.name for path in (tmp_path / "e.log").iterdir())
    assert log == ["curves.csv", "step-000001.png", "step-000002.png"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--objective", "grouping=much"), "NAME=WEIGHT; got 'grouping=much'"),
        (("--objective", "grouping", "--objective", "grouping=2"), "given twice"),
        (("--objective", "temporal-consistency"), "alone is met by one vector"),
        (("--head", "foot"), "unknown head 'foot'"),
        (("--batch", "2", "--parts", "3", "--flow-method", "ilk"), "cannot be divided"),
    ],
)
def test_pretrain_refuses(motionseg, loop_file, tmp_path, words, told):
    out = tmp_path / "e.safetensors"
    assert refused(motionseg("pretrain", loop_file, "--out", out, *words), told)
    assert not out.exists()


def test_only_the_first_process_talks(motionseg, loop_file, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    answer = motionseg("info", loop_file)
    assert (answer.code, answer.out) == (0, "")
    monkeypatch.setenv("RANK", "0")
    assert motionseg("info", loop_file).out


# train-flow


@pytest.fixture
def _cheap_pairs(monkeypatch):
    from napari_motionseg.training.flow import job as flow

    def noise(count, size, seed, config=None, device="cpu"):
        rng = np.random.default_rng(seed)
        first = rng.random((count, size, size), np.float32)
        flow = np.ones((count, 2, size, size), np.float16)
        arrays = first, np.roll(first, (1, 1), (1, 2)), flow, first > 0.9
        return PairBatch(*(torch.from_numpy(array) for array in arrays))

    monkeypatch.setattr(flow, "training_pairs", noise)


@pytest.mark.usefixtures("_cheap_pairs")
def test_flow_is_trained_used_and_resumed(motionseg, loop_file, tmp_path, monkeypatch):
    # held-out pairs of 128 px: their size is not what is tested, and they cost most
    monkeypatch.setattr("napari_motionseg.cli.train_flow.LEAST_PAIR", 64)
    out = tmp_path / "flow.safetensors"
    words = ("train-flow", "--out", out, "--crop", 64, "--batch", 1, "--pool", 16)
    answer = motionseg(*words, "--steps", 1)
    assert answer.code == 0, answer.err
    assert "px on vessels" in answer.out
    assert read_card(out).kind == "flow"
    answer = motionseg(*words, "--steps", 1, "--resume", "--json")
    assert answer.code == 0, answer.err
    (row,) = answer.rows
    assert row["zero_flow_all"] == pytest.approx(2**0.5, rel=1e-3)
    used = ("--weights", out, "--out", tmp_path / "f.zarr")
    assert motionseg("flow", loop_file, *used).code == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--crop", "100"), "multiple of 64"),
        (("--penalty", "l7"), "l7"),
        (("--start", "nowhere.safetensors"), "nowhere.safetensors"),
    ],
)
@pytest.mark.usefixtures("_cheap_pairs")
def test_train_flow_refuses(motionseg, tmp_path, words, told):
    out = tmp_path / "flow.safetensors"
    assert refused(motionseg("train-flow", "--out", out, *words), told)


# the command as a whole


def test_help_without_arguments(motionseg):
    answer = motionseg()
    assert answer.code == 0
    for command in (
        "info",
        "synth",
        "flow",
        "pretrain",
        "finetune",
        "segment",
        "train-flow",
        "demo",
    ):
        assert command in answer.out


def test_version(motionseg):
    assert __version__ in motionseg("--version").out


@pytest.mark.parametrize("words", [("dance",), ("info",), ("info", "--loud", "x")])
def test_wrong_words_are_bad_input(motionseg, words):
    assert refused(motionseg(*words), "--help")


def test_debug_shows_the_traceback(motionseg):
    answer = motionseg("info", "nowhere.dcm")
    assert refused(answer, "nowhere.dcm")
    answer = motionseg("segment", "x.dcm", "--model", "no", "--out", "o", "--debug")
    assert answer.code == 2
    assert "Traceback" in answer.err


def test_an_unexpected_failure_is_one_line(motionseg, monkeypatch, loop_file):
    from napari_motionseg.cli import info

    def fail(*_, **__):
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(info, "describe", fail)
    answer = motionseg("info", loop_file)
    assert answer.code == 1
    assert "ZeroDivisionError" in answer.err
    assert "Traceback" not in answer.err


def test_ctrl_c_cancels(motionseg, monkeypatch, loop_file):
    from napari_motionseg.cli import info

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(info, "describe", interrupt)
    assert motionseg("info", loop_file).code == 130


def test_as_a_module():
    command = [sys.executable, "-m", "napari_motionseg", "info", "nowhere.dcm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "nowhere.dcm" in done.stderr
    assert "Traceback" not in done.stderr
