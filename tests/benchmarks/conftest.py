"""The benchmarks are scripts beside the package: their folder goes onto the path."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("cv2")
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
