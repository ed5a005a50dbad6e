"""What others say of DICOM Segmentations is told in two tables."""

import copy
import json

from render_dicom import dicom_segmentations

ROW = {"source": "XA", "type": "BINARY", "compressed": True, "highdicom": True,
       "read back": True, "errors": 0, "warnings": [], "dcmdump": True,
       "dcm2json": True}  # fmt: skip
COST = {"type": "BINARY", "compressed": True, "bytes": 240_000, "write_s": [2.71, 0.7],
        "read_s": [0.6, 0.5]}  # fmt: skip
FOUND = {
    "machine": "a processor, 2 cores", "date": "2026-11-28",
    "tools": {"highdicom": "0.28.2", "dcmtk": "v3.6.7", "dicom3tools": "1.00"},
    "accepted": [ROW, {**ROW, "type": "LABELMAP", "errors": 2}],
    "captures": [{"source": "XA", "errors": 0, "warnings": ["w"], "dcmdump": True}],
    "real": {"loops": 30, "highdicom": 30, "read back": 30, "errors": 0},
    "cost": [COST, {**COST, "type": "LABELMAP", "bytes": 900_000, "write_s": [5, 1.2]}],
}  # fmt: skip


def sections(tmp_path, found):
    (tmp_path / "dicom_seg.json").write_text(json.dumps(found))
    return dicom_segmentations(tmp_path)


def test_acceptance_and_cost_are_told(tmp_path):
    assert dicom_segmentations(tmp_path) == []
    accepted, cost = sections(tmp_path, FOUND)
    assert "**Yes: dciodvfy finds no error" in accepted
    assert "| XA | BINARY, deflated | yes | yes | 0, 0 | yes |" in accepted
    assert "| XA | LABELMAP, RLE | yes | yes | class unknown to it | yes |" in accepted
    assert "| XA | secondary capture |  |  | 0, 1 | yes |" in accepted
    assert "**At most 1.2 s of processor time to write (target 2); 0.24 MB" in cost
    assert "Other work kept both cores busy" in cost
    assert "| BINARY, deflated | 2.71 | 0.70 | 0.60 | 0.50 | 0.24 |" in cost


def test_the_wall_counts_where_nothing_else_ran(tmp_path):
    alone = {**FOUND, "cost": [{**COST, "write_s": [0.9, 0.3]}]}
    alone["cost"].append({**COST, "type": "LABELMAP", "write_s": [0.4, 0.3]})
    cost = sections(tmp_path, alone)[-1]
    assert "**At most 0.9 s to write (target 2); 0.24 MB" in cost
    assert "Nothing else was running." in cost


def test_what_a_viewer_shows_is_told(tmp_path):
    row = {"type": "BINARY", "oriented": True, "frames": 24, "equal": 24, "error": ""}
    viewer = {
        "machine": "a processor", "date": "2026-11-28", "cornerstone3D": "5.14.0",
        "browser": "Chrome/156", "rows": [
            row, {**row, "oriented": False, "equal": 0, "error": "no orientation"},
            {**row, "type": "LABELMAP", "equal": 23},
        ],
    }  # fmt: skip
    (tmp_path / "dicom_viewer.json").write_text(json.dumps(viewer))
    _, seen, _ = sections(tmp_path, FOUND)
    assert "shows 1 of 2 types over the loop; without it, 0.**" in seen
    assert "| BINARY | no | 0 of 24 | no orientation |" in seen
    assert "| LABELMAP | yes | 23 of 24 |  |" in seen


def test_one_refusal_is_not_hidden(tmp_path):
    for change in ({"errors": 1}, {"highdicom": False}, {"dcmdump": False}):
        found = copy.deepcopy(FOUND)
        found["accepted"][0] |= change
        assert "**Not all of them; see the table.**" in sections(tmp_path, found)[0]
