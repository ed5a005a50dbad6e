"""Reading masks from COCO annotations, as ARCADE has them."""

import json

import numpy as np
import pytest
from PIL import Image

from napari_motionseg.errors import LabelError
from napari_motionseg.evaluation.coco_masks import read_coco
from napari_motionseg.evaluation.mask_sets import read_mask_set

SQUARE = [2.0, 1.0, 8.0, 1.0, 8.0, 5.0, 2.0, 5.0]
BAR = [0.0, 10.0, 19.0, 10.0, 19.0, 12.0, 0.0, 12.0]


def told(**changes):
    """Return annotations of two images of 14 rows and 20 columns."""
    one = {"id": 1, "file_name": "1.png", "height": 14, "width": 20}
    return {
        "images": [one, one | {"id": 7, "file_name": "7.png"}],
        "categories": [{"id": 1, "name": "5"}, {"id": 26, "name": "stenosis"}],
        "annotations": [
            {"image_id": 1, "category_id": 1, "segmentation": [SQUARE]},
            {"image_id": 1, "category_id": 26, "segmentation": [BAR]},
        ],
    } | changes


def written(folder, content):
    path = folder / "annotations.json"
    path.write_text(json.dumps(content))
    return path


def test_outlines_of_vessels_are_filled_and_lesions_left_out(tmp_path):
    masks = read_coco(written(tmp_path, told()))
    assert list(masks) == ["1.png", "7.png"]
    expected = np.zeros((14, 20), bool)
    expected[1:6, 2:9] = True
    np.testing.assert_array_equal(masks["1.png"], expected)
    assert not masks["7.png"].any()


def test_segments_of_one_picture_are_joined(tmp_path):
    both = [
        {"image_id": 7, "category_id": 1, "segmentation": [one]}
        for one in (SQUARE, BAR)
    ]
    mask = read_coco(written(tmp_path, told(annotations=both)))["7.png"]
    assert mask[3, 5]
    assert mask[11, 0]
    assert not mask[8].any()


def test_run_lengths_go_down_the_columns(tmp_path):
    mask = np.zeros((14, 20), bool)
    mask[3:9, 4] = mask[0, 19] = True
    flat = mask.T.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *edges, len(flat)]).tolist()
    runs = {"counts": counts, "size": [14, 20]}
    row = {"image_id": 1, "category_id": 1, "segmentation": runs}
    found = read_coco(written(tmp_path, told(annotations=[row])))["1.png"]
    np.testing.assert_array_equal(found, mask)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"images": None}, "cannot be read as COCO"),
        (
            {"annotations": [{"image_id": 3, "segmentation": [SQUARE]}]},
            "KeyError: 3",
        ),
        (
            {"annotations": [{"image_id": 1, "segmentation": [[1.0, 2.0, 3.0]]}]},
            "three points; got 3 numbers",
        ),
        (
            {
                "annotations": [
                    {"image_id": 1, "segmentation": {"counts": "abc", "size": [1, 1]}}
                ]
            },
            "compressed",
        ),
        (
            {
                "annotations": [
                    {"image_id": 1, "segmentation": {"counts": [5], "size": [14, 20]}}
                ]
            },
            "do not fit",
        ),
    ],
)
def test_annotations_that_cannot_be_read(tmp_path, change, words):
    with pytest.raises(LabelError, match=words):
        read_coco(written(tmp_path, told(**change)))


def test_no_json_at_all(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("no")
    with pytest.raises(LabelError, match="cannot be read as COCO"):
        read_coco(path)


def test_pictures_with_their_annotations(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    gray = np.arange(280, dtype=np.uint8).reshape(14, 20)
    for name in ("1.png", "7.png"):
        Image.fromarray(gray).save(images / name)
    found = read_mask_set(images, written(tmp_path, told()))
    assert [one.name for one in found] == ["1", "7"]
    np.testing.assert_array_equal(found[0].image, gray)
    assert found[0].mask.sum() == 35


@pytest.mark.parametrize("name", ["9.png", "../outside.png"])
def test_a_picture_must_be_in_the_folder(tmp_path, name):
    images = tmp_path / "images"
    images.mkdir()
    Image.fromarray(np.zeros((14, 20), np.uint8)).save(tmp_path / "outside.png")
    one = {"id": 1, "file_name": name, "height": 14, "width": 20}
    path = written(tmp_path, told(images=[one], annotations=[]))
    with pytest.raises(LabelError, match="is not in the folder"):
        read_mask_set(images, path)


def test_outlines_of_another_size_are_refused(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    for name in ("1.png", "7.png"):
        Image.fromarray(np.zeros((20, 14), np.uint8)).save(images / name)
    with pytest.raises(LabelError, match="the picture has"):
        read_mask_set(images, written(tmp_path, told()))
