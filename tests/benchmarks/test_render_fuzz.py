"""The tables of the fuzz."""

import json

from render_fuzz import fuzz

RUN = {
    "seed": 3, "minutes": 2.0, "machine": "a machine", "date": "2026-01-01",
    "limits": {"seconds": 10, "grown_mib": 768}, "versions": {"pydicom": "3"},
    "counts": {"tiff": {"read": 4, "refused": 5}, "npy": {"refused": 1, "aborted": 2}},
    "slowest_s": {"tiff": 0.25, "npy": 1.0},
}  # fmt: skip


def test_counts_add_up(tmp_path):
    assert fuzz(tmp_path) == []
    (tmp_path / "fuzz.json").write_text(json.dumps({"fuzz": RUN, "copies": RUN}))
    text = "\n".join(fuzz(tmp_path))
    assert "| tiff | 9 | 4 | 5 | 0 | 0 | 0 | 0 | 0.2 |" in text
    assert "| **all** | 12 | 4 | 6 | 0 | 0 | 0 | 2 | 1.0 |" in text
    assert text.count("| npy |") == 2
    assert text.count("**Yes: 2 of 12 files, by npy.**") == 2
