"""`motionseg vessel-graph`: branches and crossings of a mask."""

import numpy as np
import pytest
from helpers.drawn_vessels import CROSS, FORK, drawn_vessels

from napari_motionseg.cine import Cine
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


@pytest.mark.parametrize(
    ("frame", "words"), [(7, "one of the loop's 0 to 2; got 7"), (2, "no vessel of")]
)
def test_frames_without_a_tree_are_refused(motionseg, loop, frame, words):
    cine, masks = loop
    answer = motionseg("vessel-graph", cine, "--masks", masks, "--frame", frame)
    assert answer.code == 2
    assert words in answer.err
