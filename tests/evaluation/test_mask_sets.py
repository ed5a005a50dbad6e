"""Reading sets of pictures with drawn masks."""

import numpy as np
import pytest
from PIL import Image

from napari_motionseg.errors import LabelError
from napari_motionseg.evaluation.mask_sets import read_mask_set

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 255, (3, 20, 27), np.uint8)
MASKS = RNG.random((3, 20, 27)) < 0.2


def npz(path, **changes):
    arrays = {"images": IMAGES, "masks": np.packbits(MASKS, axis=-1)}
    np.savez(path, **(arrays | changes))
    return path


def write(path, array):
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(array).save(path)


def test_packed_and_plain_masks_are_the_same(tmp_path):
    packed = npz(tmp_path / "a.npz", groups=np.array([4, 4, 7]))
    plain = npz(tmp_path / "b.npz", masks=MASKS.astype(np.uint8) * 255)
    for path, groups in ((packed, ["4", "4", "7"]), (plain, ["0", "1", "2"])):
        found = read_mask_set(path, path)
        assert [one.group for one in found] == groups
        np.testing.assert_array_equal([one.mask for one in found], MASKS)
        np.testing.assert_array_equal([one.image for one in found], IMAGES)
        assert all(one.field is None for one in found)


def test_a_field_of_view_may_be_given(tmp_path):
    path = npz(tmp_path / "a.npz", fields=np.packbits(~MASKS, axis=-1))
    found = read_mask_set(path, path)
    np.testing.assert_array_equal([one.field for one in found], ~MASKS)


@pytest.mark.parametrize("ending", [".png", ".pgm"])
def test_two_folders_of_equal_names(tmp_path, ending):
    for n in range(3):
        write(tmp_path / "images" / f"{n}{ending}", IMAGES[n])
        write(tmp_path / "masks" / f"{n}{ending}", MASKS[n].astype(np.uint8) * 255)
    found = read_mask_set(tmp_path / "images", tmp_path / "masks")
    assert [one.name for one in found] == ["0", "1", "2"]
    np.testing.assert_array_equal([one.mask for one in found], MASKS)
    np.testing.assert_array_equal([one.image for one in found], IMAGES)


def test_masks_beside_their_pictures_with_a_name_of_their_own(tmp_path):
    """As DCA1 has them: 1.pgm and 1_gt.pgm in one folder."""
    for n in range(2):
        write(tmp_path / "set" / f"{n}.pgm", IMAGES[n])
        write(tmp_path / "set" / f"{n}_gt.pgm", MASKS[n].astype(np.uint8) * 255)
    found = read_mask_set(tmp_path / "set", tmp_path / "set")
    assert [one.name for one in found] == ["0", "1"]
    np.testing.assert_array_equal([one.mask for one in found], MASKS[:2])


def test_pictures_of_16_bits_keep_them_and_colour_becomes_gray(tmp_path):
    deep = IMAGES[0].astype(np.uint16) * 200
    write(tmp_path / "images" / "deep.png", deep)
    write(tmp_path / "images" / "rgb.png", np.stack([IMAGES[1]] * 3, axis=-1))
    for name in ("deep", "rgb"):
        write(tmp_path / "masks" / f"{name}.png", MASKS[0].astype(np.uint8))
    found = read_mask_set(tmp_path / "images", tmp_path / "masks")
    np.testing.assert_array_equal(found[0].image, deep)
    np.testing.assert_array_equal(found[1].image, IMAGES[1])
    np.testing.assert_array_equal(found[0].mask, MASKS[0])


def test_an_empty_mask_stays_empty(tmp_path):
    write(tmp_path / "i" / "a.png", IMAGES[0])
    write(tmp_path / "m" / "a.png", np.zeros((20, 27), np.uint8))
    assert not read_mask_set(tmp_path / "i", tmp_path / "m")[0].mask.any()


def missing_mask(folder):
    write(folder / "i" / "a.png", IMAGES[0])
    (folder / "m").mkdir()
    return folder / "i", folder / "m"


def other_size(folder):
    write(folder / "i" / "a.png", IMAGES[0])
    write(folder / "m" / "a.png", MASKS[0, :9].astype(np.uint8))
    return folder / "i", folder / "m"


def no_picture(folder):
    write(folder / "i" / "a.png", IMAGES[0])
    (folder / "i" / "a.png").write_bytes(b"nothing")
    write(folder / "m" / "a.png", MASKS[0].astype(np.uint8))
    return folder / "i", folder / "m"


def both(path):
    return path, path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda f: both(f / "none"), "there is no such folder or file"),
        (missing_mask, "the mask of a.png is missing"),
        (other_size, r"the mask has \(9, 27\) pixels"),
        (no_picture, "a.png: cannot be read as a picture"),
        (lambda f: both(npz(f / "a.npz", images=IMAGES[0])), r"must be \(N, H, W\)"),
        (lambda f: both(npz(f / "a.npz", masks=MASKS[:2])), "shape of the images"),
        (lambda f: both(npz(f / "a.npz", groups=np.arange(2))), "one entry for each"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, make, words):
    images, masks = make(tmp_path)
    with pytest.raises(LabelError, match=words):
        read_mask_set(images, masks)


def test_an_npz_without_masks_or_that_is_none_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", images=IMAGES)
    (tmp_path / "b.npz").write_bytes(b"PK nothing")
    for name, words in (("a", "must hold an array 'masks'"), ("b", "cannot be read")):
        path = tmp_path / f"{name}.npz"
        with pytest.raises(LabelError, match=words):
            read_mask_set(path, path)
