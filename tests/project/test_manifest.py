"""``project.json``: read back, and refused in words where it cannot be right."""

import json

import pytest

from napari_motionseg.errors import ReadError
from napari_motionseg.project import LayerRecord, LoopRecord, Manifest, ModelRecord
from napari_motionseg.project.manifest import read_manifest, write_manifest

WHOLE = Manifest(
    loops=(
        LoopRecord(1, "a", "../data/a.dcm", (5, 64, 64), "f00d"),
        LoopRecord(2, "b", "", (1, 8, 9), "", "2.npz"),
    ),
    layers=(
        LayerRecord(3, 1, "a labels", "labels", (5, 64, 64), "uint8",
                    attributes={"opacity": 0.6}),
        LayerRecord(4, 2, "b masks", "masks", (1, 8, 9), "uint16", flat=True),
    ),
    models=(ModelRecord("vessel-1.safetensors", "segmentation", "vessel-1"),),
    settings={"segment": {"mode": "scribbles"}},
    next_number=5,
)  # fmt: skip


def test_it_comes_back(tmp_path):
    write_manifest(tmp_path, WHOLE)
    assert read_manifest(tmp_path) == WHOLE
    assert [p.name for p in tmp_path.iterdir()] == ["project.json"]


def test_a_newer_version_says_to_update(tmp_path):
    write_manifest(tmp_path, WHOLE)
    content = json.loads((tmp_path / "project.json").read_text())
    content |= {"version": 2, "saved_by": "9.9"}
    (tmp_path / "project.json").write_text(json.dumps(content))
    with pytest.raises(ReadError, match=r"9\.9 in format 2.*update napari-motionseg"):
        read_manifest(tmp_path)


def test_what_a_later_release_adds_is_passed_over(tmp_path):
    write_manifest(tmp_path, WHOLE)
    content = json.loads((tmp_path / "project.json").read_text())
    content["loops"][0]["colour"] = "blue"
    (tmp_path / "project.json").write_text(json.dumps(content))
    assert read_manifest(tmp_path) == WHOLE


def spoil(content, path, value):
    *way, last = path
    for step in way:
        content = content[step]
    content[last] = value


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("format",), "zip", "no project"),
        (("version",), "1", "no format version"),
        (("version",), 0, "no format version"),
        (("loops",), 3, "damaged"),
        (("loops", 0, "shape"), [5, 64], "damaged"),
        (("loops", 0, "shape"), [5, 64, -1], "shape is"),
        (("loops", 0, "shape"), [2**40, 64, 64], "shape is"),
        (("loops", 1, "number"), 1, "given out twice"),
        (("loops", 1, "stored"), "../../etc/passwd", "no file name"),
        (("layers", 0, "loop"), 9, "unknown"),
        (("layers", 0, "dtype"), "object", "has type object"),
        (("layers", 0, "dtype"), "nothing", "damaged"),
        (("layers", 0, "name"), None, "name in layers is None"),
        (("models", 0, "file"), "..", "no file name"),
        (("settings",), [], "settings"),
    ],
)
def test_damage_is_named(tmp_path, path, value, message):
    write_manifest(tmp_path, WHOLE)
    file = tmp_path / "project.json"
    content = json.loads(file.read_text())
    spoil(content, path, value)
    file.write_text(json.dumps(content))
    with pytest.raises(ReadError, match=message):
        read_manifest(tmp_path)


def test_half_a_file_and_none_are_named(tmp_path):
    with pytest.raises(ReadError, match="is no project"):
        read_manifest(tmp_path)
    write_manifest(tmp_path, WHOLE)
    file = tmp_path / "project.json"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(ReadError, match="damaged or unreadable"):
        read_manifest(tmp_path)


def test_painted_labels_are_marked_and_masks_go():
    without = WHOLE.without_layer(3).without_layer(4)
    assert [layer.name for layer in without.layers] == ["a labels"]
    assert without.layers[0].removed
