"""What the names of images tell: order, doubled numbers, kinds and gaps."""

from pathlib import Path

import pytest

from napari_motionseg.errors import PartialReadWarning, ReadError
from napari_motionseg.io.image_names import gap_note, in_order

FOLDER = Path("loop")


def names(*given):
    return [file.name for file in in_order(map(Path, given), FOLDER)]


def test_the_case_of_a_name_does_not_change_the_order():
    assert names("Frame1.PNG", "frame0.png", "frame10.png", "FRAME2.png") == [
        "frame0.png", "Frame1.PNG", "FRAME2.png", "frame10.png",
    ]  # fmt: skip


@pytest.mark.parametrize("other", ["f1.jpg", "f01.png", "F1.png"])
def test_two_images_of_one_number_are_an_error(other):
    with pytest.raises(ReadError, match="have the same number; keep one image"):
        names("f0.png", "f1.png", other)


@pytest.mark.parametrize("other", ["b_1.png", "a_1 (1).png", "a_1 copy.png"])
def test_names_of_several_kinds_are_a_warning(other):
    with pytest.warns(PartialReadWarning, match="of 2 kinds"):
        assert len(names("a_0.png", "a_1.png", other)) == 3


def note(*numbers):
    return gap_note([Path(f"run7_{n:03d}.png") for n in numbers])


def test_missing_numbers_are_noted():
    assert note(0, 1, 2, 5, 6) == (
        "numbers are missing after run7_002.png; frames may be missing",
    )
    assert note(0, 1, 2) == note(0, 2, 4) == note(3) == ()


def test_two_images_of_one_name_are_told_apart_by_their_folders():
    files = [FOLDER / "a" / "f0.png", FOLDER / "b" / "f0.png"]
    with pytest.raises(ReadError, match=r"a.f0\.png and b.f0\.png have the same"):
        in_order(files, FOLDER)
