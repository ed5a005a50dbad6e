"""The benchmarks measure against OpenCV, which is optional."""

import pytest

pytest.importorskip("cv2")
