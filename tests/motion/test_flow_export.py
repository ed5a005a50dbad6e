"""Flow on disk: numbers as they were, colours as they look."""

import numpy as np
import pytest

from napari_motionseg.errors import MotionError
from napari_motionseg.io import read_cine
from napari_motionseg.io.flow_files import read_flo, read_flow_zarr, read_kitti
from napari_motionseg.motion import (
    FlowSequence,
    FrameMotion,
    color_wheel,
    flow_to_rgb,
    save_flow,
)


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


def test_kitti_says_where_there_and_back_agree(tmp_path, noise_cine, flow):
    save_flow(tmp_path / "f.png", noise_cine, flow, 4)
    found, valid = read_kitti(tmp_path / "f.png")
    np.testing.assert_allclose(found, flow.forward[4], atol=1 / 128)
    hidden = FrameMotion.at(noise_cine, flow, 4).hidden
    assert 0 < hidden.sum() < hidden.size
    np.testing.assert_array_equal(valid, ~hidden)
    with pytest.raises(MotionError, match="png holds one frame"):
        save_flow(tmp_path / "g.png", noise_cine, flow, 7)


def test_backward_is_written_from_the_later_frame(tmp_path, noise_cine, flow):
    save_flow(tmp_path / "f.flo", noise_cine, flow, 4, "backward")
    np.testing.assert_array_equal(read_flo(tmp_path / "f.flo"), flow.backward[3])
    with pytest.raises(MotionError, match="from 1 to 7; got 0"):
        save_flow(tmp_path / "g.flo", noise_cine, flow, 0, "backward")
    oneway = FlowSequence(flow.forward, None, 1, "given")
    for name in ("g.flo", "g.gif"):
        with pytest.raises(MotionError, match="backward flow.* was not estimated"):
            save_flow(tmp_path / name, noise_cine, oneway, 4, "backward")
    assert [p.name for p in tmp_path.iterdir()] == ["f.flo"]


def test_a_movie_is_the_colours_over_the_frames_with_their_wheel(
    noise_cine, flow, monkeypatch
):
    from napari_motionseg.motion import flow_export as saving

    written = []
    monkeypatch.setattr(saving, "write_movie", lambda *given: written.append(given))
    save_flow("f.mp4", noise_cine, flow)
    ((_, movie, rate),) = written
    assert rate == pytest.approx(1000 / 66.7)
    colours = flow_to_rgb(flow.forward[2], flow.full_color_px)
    expected = colours * noise_cine.normalized(2)[..., None]
    wheel = color_wheel(round(0.16 * 72))
    side = len(wheel)
    np.testing.assert_allclose(movie[2, :-side], expected[:-side], atol=1)
    opaque = wheel[..., 3] == 255
    assert opaque.any()
    np.testing.assert_array_equal(
        movie[2, -side:, :side][opaque], wheel[..., :3][opaque]
    )
