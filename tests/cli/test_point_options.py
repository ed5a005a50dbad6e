"""Options for points take several points, one after another."""

import pytest

from napari_motionseg.cli.point_options import parsed_numbers, repeated_options
from napari_motionseg.errors import SettingsError


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("l --positive 1,2 3,4 --out m", "l --positive 1,2 --positive 3,4 --out m"),
        ("--positive 1,2 -3,4.5 l", "--positive 1,2 --positive -3,4.5 l"),
        ("--positive=1,2 3,4", "--positive=1,2 --positive 3,4"),
        ("--arrow 1,2,-3,1e1 5,6,7,8", "--arrow 1,2,-3,1e1 --arrow 5,6,7,8"),
        ("--positive 1,2 --positive 3,4", "--positive 1,2 --positive 3,4"),
        ("--out 1,2 3,4", "--out 1,2 3,4"),
        ("--positive 1,2 70 3,4", "--positive 1,2 70 3,4"),
    ],
)
def test_further_points_get_the_name_of_their_option(words, expected):
    assert repeated_options(words.split()) == expected.split()


def test_numbers_are_read_or_refused():
    assert parsed_numbers("--still", ["1,-2.5"], "RC") == [(1.0, -2.5)]
    assert parsed_numbers("--still", None, "RC") == []
    with pytest.raises(SettingsError, match="--still takes R,C in pixels"):
        parsed_numbers("--still", ["1"], "RC")
