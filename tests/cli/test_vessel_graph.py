"""`motionseg vessel-graph`: branches and crossings of a mask."""

import numpy as np
import pytest
from helpers.drawn_vessels import CROSS, FORK, drawn_vessels

from napari_motionseg.cine import Cine
from napari_motionseg.io import read_cine
from napari_motionseg.io.dicom_seg_writer import write_segmentation
from napari_motionseg.io.dicom_writer import write_xa


@pytest.fixture(scope="module")
def loop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tree")
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (3, 96, 96)).astype(np.uint8)
    write_xa(folder / "loop.dcm", Cine.from_array(frames))
    masks = np.stack([drawn_vessels(FORK), drawn_vessels(CROSS), np.zeros((96, 96))])
    path = folder / "masks.npz"
    np.savez(path, labels=masks.astype(np.uint8), labelled=np.ones(3, bool))
    return folder / "loop.dcm", path


def test_branches_and_nodes_of_a_frame(motionseg, loop):
    cine, masks = loop
    given = ("vessel-graph", cine, "--masks", masks)
    (row,) = motionseg(*given, "--frame", 0, "--json").rows
    assert len(row["branches"]) == 3
    kinds = sorted(node["kind"] for node in row["nodes"])
    assert kinds == ["bifurcation", "end", "end", "end"]
    (row,) = motionseg(*given, "--frame", 1, "--json").rows
    crossing = next(node for node in row["nodes"] if node["kind"] == "crossing")
    assert len(crossing["passing"]) == 2
    assert crossing["apart_px"] is None


def test_a_catheter_is_no_branch(motionseg, loop, tmp_path):
    cine, masks = loop
    labels = np.load(masks)["labels"]
    labels[0, :, 90:93] = 2
    np.savez(tmp_path / "masks.npz", labels=labels, labelled=np.ones(3, bool))
    given = ("vessel-graph", cine, "--masks", tmp_path / "masks.npz", "--frame", 0)
    (row,) = motionseg(*given, "--json").rows
    assert len(row["branches"]) == 3


@pytest.mark.parametrize(
    ("frame", "words"),
    [(7, "one of the loop's 0 to 2; got 7"), (2, "masks.npz: frame 2 has no labelled")],
)
def test_frames_without_a_tree_are_refused(motionseg, loop, frame, words):
    cine, masks = loop
    answer = motionseg("vessel-graph", cine, "--masks", masks, "--frame", frame)
    assert answer.code == 2
    assert words in answer.err


def test_the_motion_tells_a_junction_from_a_crossing(motionseg, tmp_path):
    picture = np.where(drawn_vessels(CROSS), 60, 200) + np.indices((96, 96))[0] % 7
    write_xa(
        tmp_path / "still.dcm",
        Cine.from_array(np.stack([picture.astype(np.uint8)] * 3)),
    )
    labels = np.stack([drawn_vessels(CROSS)] * 3).astype(np.uint8)
    np.savez(tmp_path / "masks.npz", labels=labels, labelled=np.ones(3, bool))
    given = (
        "vessel-graph", tmp_path / "still.dcm", "--masks", tmp_path / "masks.npz",
        "--frame", 1, "--json",
    )  # fmt: skip

    def node_of_four(*more):
        answer = motionseg(*given, *more)
        nodes = answer.rows[0]["nodes"]
        return next(one for one in nodes if one["kind"] != "end"), answer.err

    node, said = node_of_four()
    assert (node["kind"], node["apart_px"]) == ("crossing", None)
    assert "--flow looks at motion" in said
    node, said = node_of_four("--flow", "--device", "cpu")
    assert node["kind"] == "junction", "nothing moves apart in a still loop"
    assert node["apart_px"] < 0.1
    assert "--flow looks at motion" not in said


@pytest.mark.parametrize(
    ("command", "option"), [("vessel-graph", "--masks"), ("time-density", "--regions")]
)
def test_masks_that_do_not_serve_are_named(motionseg, loop, tmp_path, command, option):
    cine, _ = loop
    labels = np.stack([drawn_vessels(FORK), np.zeros((96, 96))]).repeat(2, axis=0)
    first = np.arange(4) < 3
    files = {
        "missing.npz": None,
        "some.npz": (labels[:3], first[1:]),
        "long.npz": (labels, first),
        "small.npz": (labels[:3, :80], first[:3]),
    }
    for name, content in files.items():
        if content is not None:
            known = {"labels": content[0].astype(np.uint8), "labelled": content[1]}
            np.savez(tmp_path / name, **known)
    other = tmp_path / "other.dcm"
    write_xa(other, read_cine(cine))
    masks = drawn_vessels(FORK)[None].repeat(3, axis=0).astype(np.uint8)
    write_segmentation(tmp_path / "seg.dcm", read_cine(other), masks)

    def refused(name, frame=0):
        path = tmp_path / name
        answer = motionseg(command, cine, option, path, "--frame", frame)
        assert answer.code == 2
        assert answer.err.count(str(path)) == 1
        return answer.err

    assert "no such file" in refused("missing.npz")
    assert "holds 4 frames, the loop 3" in refused("long.npz")
    assert "(3, 80, 96) does not fit the loop's (3, 96, 96)" in refused("small.npz")
    assert "segmentation of other images" in refused("seg.dcm")
    assert "frame 2 is not labelled" in refused("some.npz", 2)
    assert "the first that are: 0, 1" in refused("some.npz", 2)
    answer = motionseg(command, cine, "--frame", 0)
    assert answer.code == 2
    assert option in answer.err
