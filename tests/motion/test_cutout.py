import numpy as np
import pytest
import torch
from helpers.painted_loops import SIDE, STRENGTHS, background, band, loop, painted
from scipy.ndimage import distance_transform_edt

from napari_motionseg.cine import Cine
from napari_motionseg.errors import LabelError, MotionError, TrainingError
from napari_motionseg.io import Labels
from napari_motionseg.jobs import STOP, run
from napari_motionseg.motion.cutout import cut_out_job, cut_vessel, noise_level

FRAME = (background() * np.exp(-0.4 * band())).astype(np.float32)
MASK = band() > 0
MIDDLE = np.s_[20:-20, 40:-20]  # away from the border and from the wire


def test_a_cut_vessel_is_what_was_absorbed():
    """Beer-Lambert backwards: the very path lengths, but for the smoothing."""
    from scipy.ndimage import gaussian_filter

    cut = cut_vessel(FRAME, MASK)
    expected = gaussian_filter(0.4 * band(), 1.0)
    np.testing.assert_allclose(cut.absorption[MIDDLE], expected[MIDDLE], atol=0.03)
    inside = (MASK & (band() > 0.5))[MIDDLE]
    error = np.abs(cut.absorption - expected)[MIDDLE][inside]
    assert error.mean() < 0.01
    np.testing.assert_allclose(cut.background[MIDDLE], background()[MIDDLE], atol=0.02)


def test_it_is_the_same_on_a_background_half_as_bright():
    bright, dim = cut_vessel(FRAME, MASK), cut_vessel(FRAME * np.float32(0.5), MASK)
    np.testing.assert_allclose(bright.absorption, dim.absorption, atol=1e-5)


def test_logarithmic_grays_are_subtracted():
    frame = (background() - 0.3 * band()).astype(np.float32)
    cut = cut_vessel(frame, MASK, logarithmic=True)
    middle = (band() > 0.95)[MIDDLE]
    assert cut.absorption[MIDDLE][middle].mean() == pytest.approx(0.29, abs=0.02)


def test_there_is_no_seam():
    """Absorption ends at zero at its margin and at the border of the picture."""
    cut = cut_vessel(FRAME, MASK)
    assert (cut.absorption[0] == 0).all()
    assert (cut.absorption[:, 0] == 0).all()
    assert not cut.vessel[:, 0].any()
    steepest = np.abs(np.diff(0.4 * band(), axis=0)).max()
    assert np.abs(np.diff(cut.absorption, axis=0)).max() <= steepest
    assert (cut.absorption >= 0).all()


def test_bright_things_are_no_vessels():
    assert cut_vessel(2 - 2 * FRAME, MASK) is None
    assert cut_vessel(np.full((SIDE, SIDE), 0.5, np.float32), MASK) is None


def test_margins_that_cover_everything_are_refused():
    mask = np.zeros((12, 12), bool)
    mask[::2] = True
    with pytest.raises(MotionError, match="must not cover all 144 pixels"):
        cut_vessel(np.ones((12, 12), np.float32), mask)


def test_noise_is_measured_beside_edges():
    rng = np.random.default_rng(0)
    noisy = FRAME + 0.01 * rng.standard_normal(FRAME.shape).astype(np.float32)
    assert noise_level(noisy) == pytest.approx(0.01, rel=0.2)


def test_a_loop_is_taken_apart():
    told = []
    layers = run(cut_out_job(loop(), painted(frames=(4, 5))), told.append)
    assert [(p.step, p.total) for p in told] == [(1, 2), (2, 2)]
    assert layers.contrast_free == (0, 1, 2)
    assert layers.backgrounds.shape == (3, SIDE, SIDE)
    assert layers.absorptions.shape == layers.vessels.shape == (2, SIDE, SIDE)
    assert layers.vessels.dtype == torch.bool
    assert layers.backgrounds.dtype == layers.absorptions.dtype == torch.float32
    assert layers.noise == pytest.approx(0.003, rel=0.3)
    assert layers.notes == ()
    assert not layers.logarithmic


def test_without_frames_before_contrast_painted_ones_are_filled_in_and_it_is_said():
    cine = loop((0.4, 0.4, 0.35))
    layers = run(cut_out_job(cine, painted(3, (1, 2))))
    assert layers.contrast_free == ()
    assert "from the first frame on" in layers.notes[0]
    found = layers.backgrounds.numpy()
    assert found.shape == (2, SIDE, SIDE)
    for picture in found:
        np.testing.assert_allclose(picture[MIDDLE], background()[MIDDLE], atol=0.02)


def test_a_frame_labelled_as_empty_is_a_background():
    cine = loop((0.4, 0.4, 0.0))
    layers = run(cut_out_job(cine, painted(3, (1,))))
    assert layers.contrast_free == ()
    labels = painted(3, (1,)).labels
    whole = Labels(labels, np.asarray([False, True, True]))
    assert run(cut_out_job(cine, whole)).contrast_free == (2,)


def test_scribbles_are_cut_along_their_strokes():
    layers = run(cut_out_job(loop(), painted(value=2, mode="scribbles")))
    dense = run(cut_out_job(loop(), painted()))
    assert torch.equal(layers.vessels, dense.vessels)


def test_a_pale_frame_is_left_out_and_it_is_said():
    layers = run(cut_out_job(loop(noise=0), painted(frames=(0, 4))))
    assert len(layers.vessels) == 1
    assert "frame 0 is left out" in layers.notes[0]


def test_logarithmic_loops_are_known_by_their_attribute():
    cine = loop(intensity_relationship="LOG")
    assert run(cut_out_job(cine, painted())).logarithmic


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (painted(value=1, mode="scribbles"), r"no vessel is painted .*vessel as 2"),
        (painted(frames=(1,)), "painted on frame 1 are not darker than their"),
        (painted(count=9), r"shape \(9, 128, 128\) do not fit a loop of shape \(7"),
        (
            Labels.from_painted(np.ones((len(STRENGTHS), SIDE, SIDE), np.uint8)),
            "100% of frame 0 is painted as vessel; at most 50%",
        ),
        (
            Labels(np.zeros((7, SIDE, SIDE), np.uint8), np.arange(7) == 1),
            r"no vessel is painted \(mode 'dense'\); paint vessel as 1",
        ),
    ],
    ids=["background alone", "not dark", "other shape", "everything", "nothing"],
)
def test_labels_that_will_not_do(labels, words):
    with pytest.raises(LabelError, match=words):
        run(cut_out_job(loop(noise=0), labels))


def test_stopped_early_there_is_nothing_to_keep():
    job = cut_out_job(loop(), painted())
    next(job)
    with pytest.raises(TrainingError, match="before anything was learnt"):
        job.send(STOP)


def test_small_and_odd_frames():
    pixels = (255 * FRAME[40:85, 30:81]).astype(np.uint8)[None].repeat(3, axis=0)
    labels = np.zeros(pixels.shape, np.uint8)
    labels[1] = MASK[40:85, 30:81]
    layers = run(cut_out_job(Cine.from_array(pixels), Labels.from_painted(labels)))
    assert layers.vessels.shape == (1, 45, 51)
    assert torch.isfinite(layers.absorptions).all()


def test_a_cut_reaches_four_pixels_beyond_the_painted_edge_of_a_frame_of_512():
    """Two standard deviations of 1 px of denoising, and 2 px of the vessel's blur."""
    mask = np.zeros((512, 512), bool)
    mask[240:272, 240:272] = True
    away = distance_transform_edt(~mask)
    # darker up to 12 px from the mask, so that the margin alone ends what is cut
    frame = (0.8 - 0.4 * np.clip(1 - away / 12, 0, 1)).astype(np.float32)
    reached = away[cut_vessel(frame, mask).absorption > 0].max()
    assert 3.5 < reached < 4.0
