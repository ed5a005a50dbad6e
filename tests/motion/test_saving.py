"""Flow on disk: numbers as they were, colours as they look."""

import numpy as np
import pytest

from napari_motionseg.errors import MotionError
from napari_motionseg.io import read_cine
from napari_motionseg.io.flow_files import read_flo, read_flow_zarr
from napari_motionseg.motion import FlowSequence, save_flow


@pytest.fixture
def flow(noise_cine):
    generator = np.random.default_rng(0)
    forward, backward = generator.normal(size=(2, 7, 2, *noise_cine.shape[1:]))
    return FlowSequence(forward.astype("f4"), backward.astype("f4"), 1, "given")


def test_zarr_holds_both_ways_and_what_they_rest_on(tmp_path, noise_cine, flow):
    save_flow(tmp_path / "f.zarr", noise_cine, flow)
    forward, backward, attributes = read_flow_zarr(tmp_path / "f.zarr")
    np.testing.assert_allclose(forward, flow.forward, atol=2e-3)
    np.testing.assert_allclose(backward, flow.backward, atol=2e-3)
    assert attributes["gap"] == 1
    assert attributes["cine_sha256"] == noise_cine.content_hash()


def test_flo_is_one_frame(tmp_path, noise_cine, flow):
    save_flow(tmp_path / "f.flo", noise_cine, flow, 4)
    np.testing.assert_array_equal(read_flo(tmp_path / "f.flo"), flow.forward[4])
    for frame in (None, -1, 7):
        with pytest.raises(MotionError, match="from 0 to 6"):
            save_flow(tmp_path / "g.flo", noise_cine, flow, frame)
    assert not (tmp_path / "g.flo").exists()


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_a_movie_has_a_picture_for_each_flow(tmp_path, noise_cine, flow, suffix):
    path = tmp_path / f"flow{suffix}"
    save_flow(path, noise_cine, flow)
    assert read_cine(path).shape == (7, 72, 80)
