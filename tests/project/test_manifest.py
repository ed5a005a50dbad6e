"""``project.json``: read back, and refused in words where it cannot be right."""

import json

import pytest

from napari_motionseg.errors import ReadError, WriteError
from napari_motionseg.project import LayerRecord, LoopRecord, Manifest, ModelRecord
from napari_motionseg.project.manifest import read_manifest, write_manifest
from napari_motionseg.project.manifest_rows import number

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
        (("format",), "zip", "not a project"),
        (("version",), "1", "format version must be"),
        (("version",), 0, "format version must be"),
        (("loops",), 3, "damaged"),
        (("loops", 0, "shape"), [5, 64], "damaged"),
        (("loops", 0, "shape"), [5, 64, -1], "shape must have"),
        (("loops", 0, "shape"), [2**40, 64, 64], "shape must have"),
        (("loops", 1, "number"), 1, "a number is used twice"),
        (("loops", 1, "stored"), "../../etc/passwd", "must be a .*file name"),
        (("layers", 0, "loop"), 9, "loop 9, which does not exist"),
        (("layers", 0, "dtype"), "object", "must be the name of an integer type"),
        (("layers", 0, "dtype"), "nothing", "damaged"),
        (("layers", 0, "name"), None, "name in layers is None"),
        (("models", 0, "file"), "..", "must be a .*file name"),
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
    with pytest.raises(ReadError, match="is not a project"):
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


def without(folder, *path):
    """Delete a value of ``project.json``, as an earlier release leaves it out."""
    file = folder / "project.json"
    content = json.loads(file.read_text())
    *way, last = path
    inner = content
    for step in way:
        inner = inner[step]
    del inner[last]
    file.write_text(json.dumps(content))


def test_numbers_begin_at_one_and_go_on_after_the_last(tmp_path):
    write_manifest(tmp_path, Manifest())
    without(tmp_path, "next_number")
    assert read_manifest(tmp_path) == Manifest()
    assert read_manifest(tmp_path).next_number == 1
    write_manifest(tmp_path, WHOLE)
    without(tmp_path, "next_number")
    assert read_manifest(tmp_path).next_number == 5
    one = Manifest().with_loop(LoopRecord(1, "a", "", (1, 8, 9)))
    assert one.next_number == 2
    assert one.with_loop(LoopRecord(1, "b", "", (1, 8, 9))).next_number == 2


def test_a_layer_has_a_time_axis_and_is_not_removed_if_nothing_is_said(tmp_path):
    write_manifest(tmp_path, WHOLE)
    without(tmp_path, "layers", 0, "flat")
    without(tmp_path, "layers", 0, "removed")
    without(tmp_path, "layers", 0, "attributes")
    first = read_manifest(tmp_path).layers[0]
    assert first == LayerRecord(3, 1, "a labels", "labels", (5, 64, 64), "uint8")
    assert (first.flat, first.removed, first.attributes) == (False, False, {})


def test_a_value_that_is_no_json_is_refused_and_the_file_stays(tmp_path):
    write_manifest(tmp_path, WHOLE)
    with pytest.raises(WriteError, match=r"project\.json: cannot be written: .*object"):
        write_manifest(tmp_path, WHOLE.with_settings({"segment": object()}))
    assert read_manifest(tmp_path) == WHOLE


@pytest.mark.parametrize("name", ["loops", "layers", "models"])
def test_an_object_where_a_list_belongs(tmp_path, name):
    write_manifest(tmp_path, Manifest())
    file = tmp_path / "project.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {name: {}}))
    with pytest.raises(ReadError, match=f"damaged: {name} must be a list"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("value", [0, -1, 2**31, 1.0, True, "1", None])
def test_a_number_that_no_journal_can_store(value):
    with pytest.raises(ValueError, match="must be an integer from 1 to 2147483647"):
        number(value)


def test_the_largest_number_is_one():
    assert number(2**31 - 1) == 2**31 - 1
    assert number(1) == 1
