"""Frames of a file are counted and shown while it arrives."""

import numpy as np
import pytest
from helpers import dicom_files as files
from helpers import seg_loops

from napari_motionseg.io.arriving_frames import ArrivingFrames, arrived_frames


@pytest.mark.parametrize("compressed", [False, True])
def test_whole_frames_are_counted_wherever_the_file_ends(tmp_path, compressed):
    data = seg_loops.dataset()
    truth = data.pixel_array
    if compressed:
        from pydicom.uid import RLELossless

        data.compress(
            RLELossless, encoding_plugin="pydicom", generate_instance_uid=False
        )
    content = files.save(data, tmp_path / "whole.dcm").read_bytes()
    path, counts = tmp_path / "part", []
    for share in range(0, 101, 2):
        path.write_bytes(content[: len(content) * share // 100])
        seen = arrived_frames(path)
        counts.append(0 if seen is None else seen.frames)
        if seen is not None:
            np.testing.assert_array_equal(seen.newest, truth[seen.frames - 1])
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert counts[-1] == len(truth)
    assert len(set(counts)) > 3


def test_what_is_no_loop_has_no_frames(tmp_path):
    (tmp_path / "x").write_bytes(b"<html>" * 100)
    assert arrived_frames(tmp_path / "x") is None
    assert arrived_frames(tmp_path / "none") is None


def test_it_is_looked_at_now_and_then(tmp_path):
    path = files.save(seg_loops.dataset(), tmp_path / "whole.dcm")
    assert ArrivingFrames(path, every_s=1000).look() is None
    assert ArrivingFrames(path, every_s=0).look().frames == seg_loops.SHAPE[0]
