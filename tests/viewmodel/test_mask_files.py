"""Files of masks find their loop: by hash, by name, by size; or say why they do not."""

import numpy as np
import pytest

from napari_motionseg.cine import Cine
from napari_motionseg.errors import LabelError, ReadError
from napari_motionseg.io import write_masks
from napari_motionseg.viewmodel.mask_files import (
    OpenLoop,
    load_masks,
    may_hold_masks,
)

SHAPE = (4, 10, 12)


def loop(name, shape=SHAPE, seed=0, frame=0):
    pixels = np.random.default_rng(seed).integers(0, 255, shape, dtype=np.uint8)
    return OpenLoop(object(), Cine.from_array(pixels, name=name), name, frame)


@pytest.fixture
def masks():
    made = np.zeros(SHAPE, np.uint8)
    made[1, 2:5, 3:9] = 1
    made[3, 4:6, 3:9] = 1
    return made


@pytest.mark.parametrize("suffix", [".npz", ".tiff", ".nii.gz", ""])
def test_every_format_comes_back(tmp_path, masks, suffix):
    if suffix == ".nii.gz":
        pytest.importorskip("nibabel")
    path = tmp_path / f"a_masks{suffix}"
    labelled = np.array([False, True, False, True])
    write_masks(path, masks, labelled=labelled)
    a = loop("a")
    found = load_masks(path, [loop("b", (5, 10, 12)), a])
    assert found.loop is a
    np.testing.assert_array_equal(found.masks, masks)
    np.testing.assert_array_equal(found.labelled, labelled)
    assert found.words() == (
        f"{path.name}: masks of 2 frames on a, which the file is named after."
    )


def test_the_hash_in_the_file_goes_before_its_name(tmp_path, masks):
    a, b = loop("a", seed=1), loop("b", seed=2)
    for suffix in (".npz", ".tiff"):
        path = tmp_path / f"a{suffix}"
        write_masks(path, masks, content=b.cine.content_hash())
        found = load_masks(path, [a, b])
        assert found.loop is b
        assert found.why == "whose pixels the file names"


def test_the_longest_name_counts_and_no_part_of_a_word(tmp_path, masks):
    path = tmp_path / "p10_c1_masks.npz"
    write_masks(path, masks)
    short, long, other = loop("p10"), loop("p10_c1"), loop("p1")
    assert load_masks(path, [short, long, other]).loop is long
    with pytest.raises(LabelError, match="fits several open loops"):
        load_masks(path, [other, loop("x")])


def test_of_several_loops_the_chosen_one_is_taken(tmp_path, masks):
    path = tmp_path / "reader2.npz"
    write_masks(path, masks)
    a, b = loop("a"), loop("b")
    assert load_masks(path, [a, b], b.layer).loop is b
    with pytest.raises(LabelError, match="choose the loop in a dock first"):
        load_masks(path, [a, b])
    assert load_masks(path, [a]).why == "the only open loop of this size"


def test_masks_of_other_pixels_of_the_same_size_say_so(tmp_path, masks):
    path = tmp_path / "m.npz"
    write_masks(path, masks, content="0" * 64)
    assert "made on other pixels" in load_masks(path, [loop("a")]).words()


def test_no_loop_fits_and_the_message_says_what_is_open(tmp_path, masks):
    path = tmp_path / "m.npz"
    write_masks(path, masks)
    with pytest.raises(LabelError, match="open the loop of these masks first"):
        load_masks(path, [])
    with pytest.raises(LabelError) as told:
        load_masks(path, [loop("a", (5, 10, 12)), loop("b", (4, 12, 10))])
    assert "Open are a: 5 × 10 × 12; b: 4 × 12 × 10" in str(told.value)


def test_what_fits_and_is_no_mask_is_refused_by_its_reason(tmp_path):
    path = tmp_path / "m.npz"
    np.savez(path, labels=np.full(SHAPE, 0.5))
    with pytest.raises(LabelError, match="apply a threshold"):
        load_masks(path, [loop("a", (5, 10, 12)), loop("b")])
    np.savez(path, labels=np.zeros(SHAPE, np.uint8))
    with pytest.raises(LabelError, match="nothing is labelled"):
        load_masks(path, [loop("a")])
    path.write_bytes(b"no archive")
    with pytest.raises(ReadError, match=r"m\.npz"):
        load_masks(path, [loop("a")])


def test_one_image_belongs_to_the_shown_frame(tmp_path, masks):
    path = tmp_path / "one.png"
    write_masks(path, masks[1])
    found = load_masks(path, [loop("a", frame=2)])
    assert np.flatnonzero(found.labelled).tolist() == [2]
    np.testing.assert_array_equal(found.masks[2], masks[1])


@pytest.mark.parametrize(
    "stored", [np.array("no hash"), np.arange(3), np.array("G" * 64)]
)
def test_a_hash_that_is_none_is_not_believed(tmp_path, masks, stored):
    path = tmp_path / "a.npz"
    np.savez(path, labels=masks, cine_sha256=stored)
    assert load_masks(path, [loop("a")]).why == "which the file is named after"


def test_names_of_masks(tmp_path, masks):
    assert may_hold_masks(tmp_path / "m.npz")
    assert may_hold_masks(str(tmp_path / "M.NII.GZ"))
    assert not may_hold_masks(tmp_path / "image.tif")  # napari's own reader has these
    assert not may_hold_masks(tmp_path / "nowhere.dcm")
    write_masks(tmp_path / "series", masks)
    assert may_hold_masks(tmp_path / "series")
    assert not may_hold_masks(tmp_path)
