"""The field of view: found on every shape, and not where there is none."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_motionseg.cine import Cine, field_of_view
from napari_motionseg.cine.field_of_view import (
    FieldOfView,
    find_cine_field_of_view,
    find_field_of_view,
)
from napari_motionseg.cine.frame_stack import FrameStack
from napari_motionseg.errors import (
    DamagedFrameError,
    PartialReadWarning,
    SettingsError,
)
from napari_motionseg.synthesis.fields import Field, behind_field
from napari_motionseg.synthesis.grain import quantized, quantum_noise

SIDE = 160


def tissue(seed=0, shape=(SIDE, SIDE)):
    """Soft folds about 0.55, with a dark vessel across."""
    rng = np.random.default_rng(seed)
    folds = ndimage.gaussian_filter(rng.normal(size=shape), 9)
    picture = 0.55 + 0.08 * folds / folds.std()
    rows = (shape[0] / 2 + 25 * np.sin(np.arange(shape[1]) / 30)).astype(int)
    for column, row in enumerate(rows):
        picture[row - 3 : row + 3, column] -= 0.12
    return torch.from_numpy(picture).float()


def taken(picture, field=None, seed=0, deviation=0.01):
    generator = torch.Generator().manual_seed(seed)
    picture = quantum_noise(picture, deviation, generator)
    opened = torch.ones(picture.shape, dtype=torch.bool)
    if field is not None:
        picture, opened = behind_field(picture, field)
    return quantized(picture, 8, 90.0).numpy(), opened.numpy()


def overlap(found, truth):
    return (found & truth).sum() / (found | truth).sum()


FIELDS = {
    "circle": Field("round", (80, 80), (74, 74), 0.0, 1.5, 0.04),
    "arc": Field("round", (50, 60), (110, 110), 0.0, 1.0, 0.06),
    "octagon": Field("octagon", (80, 78), (72, 72), 0.0, 2.0, 0.0),
    "turned blades": Field("blades", (84, 80), (60, 66), 0.15, 3.0, 0.1),
    "shutter": Field("rectangle", (70, 80), (60, 90), 0.0, 2.0, 0.05),
    "black border": Field("rectangle", (80, 80), (70, 62), 0.0, 0.5, 0.0),
    "gray border": Field("rectangle", (80, 80), (66, 70), 0.0, 0.5, 0.3),
}


@pytest.mark.parametrize("name", list(FIELDS))
@pytest.mark.parametrize("seed", [0, 1])
def test_every_shape_is_found_to_its_edge(name, seed):
    picture, truth = taken(tissue(seed), FIELDS[name], seed)
    found = find_field_of_view(picture)
    assert found.found
    assert overlap(found.mask, truth) > 0.97
    assert (found.inner(8.0) & ~truth).sum() <= 8


def test_a_light_border_is_found_but_for_the_ringing_of_its_edge():
    """JPEG rings so much at so large a step that the edge is known to 2 px alone."""
    field = Field("round", (80, 80), (70, 70), 0.0, 1.0, 0.9)
    picture, truth = taken(tissue(), field)
    found = find_field_of_view(picture)
    assert found.found
    assert overlap(found.mask, truth) > 0.94


def test_blades_that_let_some_noise_through_are_found():
    """Behind soft blades there is scatter: dark, but not flat."""
    field = Field("blades", (86, 80), (62, 74), 0.03, 5.0, 0.22)
    picture, truth = taken(tissue(), field)
    generator = torch.Generator().manual_seed(5)
    noisy = quantum_noise(torch.from_numpy(picture), 0.008, generator).numpy()
    found = find_field_of_view(noisy)
    assert found.found
    assert overlap(found.mask, truth) > 0.94


@pytest.mark.parametrize(
    ("centre", "half", "blur", "floor", "least"),
    [((110, 128), (100, 150), 10.0, 0.3, 0.98),
     ((128, 100), (150, 90), 12.0, 0.36, 0.9)],
)  # fmt: skip
def test_blades_with_a_wide_penumbra_are_found(centre, half, blur, floor, least):
    """Blades near the X-ray tube; the edge rises over a tenth of the picture."""
    field = Field("blades", centre, half, 0.03, blur, floor)
    picture, truth = taken(tissue(shape=(256, 256)), field)
    assert overlap(find_field_of_view(picture).mask, truth) > least


@pytest.mark.parametrize("shape", [(160, 160), (131, 177), (200, 150)])
def test_a_picture_without_an_edge_is_open_throughout(shape):
    found = find_field_of_view(taken(tissue(3, shape))[0])
    assert not found.found
    assert found.mask.shape == shape
    assert found.mask.all()
    assert found.inner().all()


def spine(picture):
    """A wide dark band along the right side, as dark as vertebrae are."""
    picture[:, 115:] -= 0.12
    return picture


def diaphragm(picture):
    rows, columns = np.indices(picture.shape)
    picture[rows > 110 + (columns - 70) ** 2 / 150] -= 0.15
    return picture


def burnt_out_lung(picture):
    rows, columns = np.indices(picture.shape)
    picture[rows + 2 * columns < 90] = 1.0
    return picture


def letter(picture):
    picture[4:12, 4:9] = 1.0
    return picture


def blank(picture):
    return torch.full_like(picture, 0.4)


@pytest.mark.parametrize("change", [spine, diaphragm, burnt_out_lung, letter, blank])
def test_anatomy_at_the_border_is_no_border(change):
    picture, _ = taken(change(tissue(2)))
    assert find_field_of_view(picture).mask.all()


def test_a_flat_picture_and_a_black_one_have_no_edge():
    for value in (0.0, 0.5, 1.0):
        assert not find_field_of_view(np.full((64, 64), value, np.float32)).found


def test_of_a_loop_what_moves_is_no_border():
    """A dark arm sweeps over the corner in two of nine frames."""
    frames = []
    for t in range(9):
        picture = tissue()
        if t in (3, 4):
            picture[:60, :60] = 0.03
        frames.append(taken(picture, FIELDS["arc"], t)[0])
    found = find_field_of_view(np.stack(frames))
    assert overlap(found.mask, taken(tissue(), FIELDS["arc"])[1]) > 0.97


def test_damaged_frames_of_a_loop_are_left_out():
    shot = (taken(tissue(), FIELDS["circle"])[0] * 255).astype(np.uint8)

    def decode(t):
        if t != 2:
            raise DamagedFrameError(f"frame {t} is cut off", t)
        return shot

    frames = FrameStack(decode, (4, *shot.shape), np.dtype(np.uint8))
    with pytest.warns(PartialReadWarning):
        found = find_cine_field_of_view(Cine(frames))
    assert found.found
    assert overlap(found.mask, taken(tissue(), FIELDS["circle"])[1]) > 0.97


def test_the_shutter_of_the_header_counts_too():
    shot = (taken(tissue())[0] * 255).astype(np.uint8)
    valid = np.ones(shot.shape, bool)
    valid[:, :30] = False
    cine = dataclasses.replace(Cine.from_array(shot[None]), valid_area=valid)
    found = find_cine_field_of_view(cine)
    assert found.found
    np.testing.assert_array_equal(found.mask, valid)


def test_a_large_picture_is_looked_at_on_a_smaller_one():
    field = Field("round", (300, 290), (270, 270), 0.0, 2.0, 0.05)
    picture, truth = taken(tissue(1, (601, 587)), field)
    found = find_field_of_view(picture)
    assert found.mask.shape == (601, 587)
    assert overlap(found.mask, truth) > 0.98


def test_the_inner_field_leaves_out_the_edge_but_not_the_picture_border():
    mask = np.ones((512, 512), bool)
    mask[:, :100] = False
    inner = FieldOfView(mask, True).inner(4.0)
    assert inner[0, 300]
    assert inner[300, 511]
    assert not inner[:, :104].any()
    assert inner[:, 104:].all()


@pytest.mark.parametrize("shape", [(0, 10), (4,), (1, 2, 3, 4)])
def test_no_picture_is_refused(shape):
    with pytest.raises(SettingsError, match="frames must be"):
        find_field_of_view(np.zeros(shape))


def test_a_tiny_picture_is_open_throughout():
    assert find_field_of_view(np.random.default_rng(0).random((9, 12))).mask.all()


def test_a_loop_is_searched_once(monkeypatch):
    searched = []
    monkeypatch.setattr(
        field_of_view,
        "find_field_of_view",
        lambda frames: searched.append(1) or find_field_of_view(frames),
    )
    frames = np.random.default_rng(0).integers(90, 200, (3, 40, 40), dtype=np.uint8)
    one, other = Cine.from_array(frames), Cine.from_array(frames)
    assert find_cine_field_of_view(one) is find_cine_field_of_view(one)
    assert len(searched) == 1
    find_cine_field_of_view(other)
    assert len(searched) == 2
