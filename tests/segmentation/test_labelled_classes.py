"""Classes without labelled pixels are named, but not all of many."""

import pytest

from napari_motionseg.errors import LabelError
from napari_motionseg.segmentation.labelled_classes import require_all_classes


def test_many_classes_without_pixels_are_counted():
    with pytest.raises(LabelError) as caught:
        require_all_classes([5, 3, *[0] * 48, 7])
    assert str(caught.value).startswith(
        "no pixel of class 2 or class 3 or class 4 or 45 other classes is labelled"
    )
    require_all_classes([5, 3])
