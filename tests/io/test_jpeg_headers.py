"""Headers of JPEG streams that are cut: the walk through their segments ends."""

import imagecodecs
import numpy as np
import pytest

from napari_motionseg.io.codestreams import read_codestream


@pytest.fixture(scope="module")
def stream():
    return imagecodecs.jpeg8_encode(np.zeros((16, 24), np.uint8), level=90)


def test_a_header_cut_at_any_byte_is_an_error(stream):
    end = stream.index(b"\xff\xda")
    for length in range(24, end):
        with pytest.raises(ValueError, match=r"cut off|no frame header|begins with"):
            read_codestream(stream[:length])


@pytest.mark.parametrize("filling", [b"\0", b"\x11", b"\xff"])
def test_a_header_that_goes_on_without_a_marker_ends(stream, filling):
    """Found by the fuzz: without another marker the walk began again at the start."""
    end = stream.index(b"\xff\xdb")
    with pytest.raises(ValueError, match="cut off"):
        read_codestream(stream[:end] + filling * 500)
