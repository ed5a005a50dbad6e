"""Items of the Mask module."""

import pytest
from helpers import dicom_files as files
from pydicom import Dataset

from napari_motionseg.cine import Subtraction
from napari_motionseg.errors import PartialReadWarning


def test_subtraction_is_kept_with_indices_from_zero(cine_with):
    item = Dataset()
    item.MaskOperation = "AVG_SUB"
    item.MaskFrameNumbers = [1, 2, 99]
    item.ApplicableFrameRange = [3, 4]
    item.MaskSubPixelShift = [0.5, -0.25]
    (mask,) = cine_with(MaskSubtractionSequence=[item]).subtraction
    assert mask.operation == "AVG_SUB"
    assert mask.mask_frames == (0, 1)
    assert mask.applicable == (2, 3)
    assert mask.shift == (0.5, -0.25)


def test_mask_items_in_every_form(cine_with):
    items = (
        files.item(MaskOperation="TID"),
        files.item(MaskOperation="REV_TID", TIDOffset=-2, ApplicableFrameRange=[1, 2]),
        files.item(
            MaskOperation="AVG_SUB", MaskFrameNumbers=2, ContrastFrameAveraging=2,
            ApplicableFrameRange=[1, 1, 3, 4],
        ),
        files.item(MaskOperation="NONE"),
    )  # fmt: skip
    found = cine_with(MaskSubtractionSequence=items).subtraction
    assert found == (
        Subtraction("TID"),
        Subtraction("REV_TID", applicable=(0, 1), tid_offset=-2),
        Subtraction("AVG_SUB", (1,), (0, 0, 2, 3), contrast_averaging=2),
        Subtraction("NONE"),
    )


@pytest.mark.parametrize(
    ("item", "words", "applicable", "mask_frames"),
    [
        ({"MaskFrameNumbers": [1, 9]}, "does not have (9)", None, (0,)),
        ({"ApplicableFrameRange": [3, 2]}, "not a list of first and last", (), ()),
        ({"ApplicableFrameRange": [1, 2, 3]}, "not a list of first", (0, 1), ()),
        ({"ApplicableFrameRange": [0, 2]}, "not a list of first", (), ()),
    ],
)
def test_mask_items_that_cannot_be_true_are_noted(
    cine_with, item, words, applicable, mask_frames
):
    sequence = [files.item(MaskOperation="AVG_SUB", **item)]
    cine = cine_with(MaskSubtractionSequence=sequence)
    assert any(words in note for note in cine.notes)
    assert cine.subtraction[0].applicable == applicable
    assert cine.subtraction[0].mask_frames == mask_frames


def test_an_unknown_operation_is_left_out_and_the_others_stay(cine_with):
    items = (files.item(MaskOperation="MAGIC"), files.item(MaskOperation="TID"))
    with pytest.warns(PartialReadWarning, match="Item 1 of MaskSubtractionSequence"):
        cine = cine_with(MaskSubtractionSequence=items)
    assert cine.subtraction == (Subtraction("TID"),)


def test_a_shift_out_of_the_picture_is_ignored_and_noted(cine_with):
    sequence = [
        files.item(
            MaskOperation="AVG_SUB", MaskFrameNumbers=1, MaskSubPixelShift=[1e9, 0]
        )
    ]
    cine = cine_with(MaskSubtractionSequence=sequence)
    assert cine.subtraction[0].shift == (0, 0)
    assert any("MaskSubPixelShift" in note for note in cine.notes)
