"""A project that somebody else has made ends in an error of ours, never in a hang."""

import json
import os
import struct
import threading
import zlib

import numpy as np
import pytest

from napari_motionseg.errors import MemoryBudgetError, MotionSegError, ReadError
from napari_motionseg.project import LayerRecord, LoopRecord, ModelRecord, Project
from napari_motionseg.project.journal import HEAD, MAGIC, Delta, encode, parse
from napari_motionseg.project.opening import open_project
from napari_motionseg.project.stored_pixels import store_pixels

SHAPE = (8, 72, 80)
PATIENCE_S = 120  # for what must come to its end; it takes far less
needs_unix = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")


def outcome(function):
    """Return a result or an error of ours; fail on a hang and on any other error."""
    found = []

    def go():
        try:
            found.append(function())
        except BaseException as error:  # noqa: BLE001 - looked at below
            found.append(error)

    thread = threading.Thread(target=go, daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    assert found, "does not come to an end"
    if isinstance(found[0], BaseException):
        assert isinstance(found[0], MotionSegError), repr(found[0])
    return found[0]


def opened(folder):
    found = outcome(lambda: open_project(folder))
    if not isinstance(found, MotionSegError):
        found.project.close()
    return found


@pytest.fixture
def folder(tmp_path, noise_cine):
    """A project with a stored loop, a loop from a file, a layer and a model."""
    project = Project.create(tmp_path / "work")
    stored = store_pixels(noise_cine, project.folder, 1)
    manifest = project.manifest
    manifest = manifest.with_loop(LoopRecord(1, "a", "", SHAPE, "f00d", stored))
    manifest = manifest.with_loop(LoopRecord(2, "b", "../b.dcm", SHAPE))
    layer = LayerRecord(3, 1, "a labels", "labels", SHAPE, "uint8",
                        attributes={"looks": {"opacity": 0.5}})  # fmt: skip
    project.update(manifest.with_layer(layer))
    project.append([Delta(3, 1, 2, 3, np.full((4, 5), 2, np.uint8))])
    (project.folder / "models").mkdir(exist_ok=True)
    (tmp_path / "m.safetensors").write_bytes(b"weights")
    project.add_model(tmp_path / "m.safetensors", "segmentation", "m")
    project.close()
    return project.folder


def change(folder, *way, to):
    """Put another value into the manifest."""
    file = folder / "project.json"
    content = json.loads(file.read_text())
    *first, last = way
    place = content
    for step in first:
        place = place[step]
    place[last] = to
    file.write_text(json.dumps(content))


def test_the_project_of_these_tests_opens(folder):
    found = opened(folder)
    assert found.pixels[3].any()
    assert sorted(found.loops) == [1]
    assert sorted(found.missing) == [2]


STRANGE = [
    None, True, -1, 0, 10**30, 1.5, float("nan"), float("inf"), "", "x", "\x1b[2J",
    "\ud800", "a\0b", "../../x", [], [1, 2], {}, {"a": {"b": []}}, [[[]]], "9" * 5000,
    [10**9, 10**9, 10**9], [2**24, 2**24, 2**24], [8.0, 72.0, 80.0], [True, 72, 80],
]  # fmt: skip
FIELDS = [
    ("format",), ("version",), ("loops",), ("layers",), ("models",), ("settings",),
    ("next_number",), ("saved_by",), ("loops", 0), ("layers", 0), ("models", 0),
    *(("loops", 0, key) for key in LoopRecord.__dataclass_fields__),
    *(("loops", 1, key) for key in LoopRecord.__dataclass_fields__),
    *(("layers", 0, key) for key in LayerRecord.__dataclass_fields__),
    *(("models", 0, key) for key in ModelRecord.__dataclass_fields__),
]  # fmt: skip


@pytest.mark.parametrize("way", FIELDS, ids=lambda way: ".".join(map(str, way)))
def test_any_value_in_any_field(folder, way):
    for value in STRANGE:
        text = (folder / "project.json").read_text()
        change(folder, *way, to=value)
        found = opened(folder)
        if not isinstance(found, MotionSegError):
            for loop in found.project.manifest.loops:
                assert loop.name.isprintable()
            for layer in found.layers():
                assert layer.name.isprintable()
        (folder / "project.json").write_text(text)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xff\xfe{}", b"[" * 200_000, b'{"a":' * 200_000, b"null", b"NaN",
        b'{"format": "motionseg-project", "version": 1}', b"\x00" * 1000,
        b'{"format": "motionseg-project", "version": ' + b"9" * 5000 + b"}",
        b'{"format": "motionseg-project", "version": 1, "loops": ' + b"[" * 9999,
    ],
)  # fmt: skip
def test_any_manifest(folder, content):
    (folder / "project.json").write_bytes(content)
    assert isinstance(opened(folder), ReadError)


def test_a_manifest_of_gigabytes_is_not_read(folder):
    with (folder / "project.json").open("r+b") as file:
        file.truncate(2**40)
    assert "is too large" in str(opened(folder))


@needs_unix
@pytest.mark.parametrize(
    "place",
    ["project.json", "labels", "labels/000001.journal", "models", "loops",
     "loops/1.npz", ".lock", "open"],
)  # fmt: skip
@pytest.mark.parametrize("what", ["link", "device", "fifo"])
def test_links_and_devices_are_not_followed(folder, place, what, tmp_path):
    path, elsewhere = folder / place, tmp_path / "elsewhere"
    if path.exists():
        path.rename(elsewhere)
    before = {p: p.read_bytes() for p in (elsewhere, *elsewhere.rglob("*"))
              if p.is_file()}  # fmt: skip
    if what == "link":
        path.symlink_to(elsewhere)
    elif what == "device":
        path.symlink_to("/dev/zero")
    else:
        os.mkfifo(path)
    found = opened(folder)
    refused = isinstance(found, ReadError)
    if place == "loops/1.npz":
        assert 1 in found.missing
    elif place in (".lock", "open"):
        assert not refused
    else:
        assert refused
    if not refused:
        project = found.project
        assert not project.writable
    after = {p: p.read_bytes() for p in (elsewhere, *elsewhere.rglob("*"))
             if p.is_file()}  # fmt: skip
    assert after == before


@needs_unix
# a folder above may have loops of other tests, damaged ones among them
@pytest.mark.filterwarnings("ignore::napari_motionseg.errors.PartialReadWarning")
@pytest.mark.parametrize(
    "path",
    ["/", "/usr", "/dev", "/dev/zero", "/dev/stdin", "/proc", "..", "../..", ".",
     "/proc/self/mem", "~", "x" * 5000, "/etc/passwd", "../fifo", "../fifo-link"],
)  # fmt: skip
def test_a_loop_that_leads_anywhere_is_missing(folder, path, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "fifo-link").symlink_to(tmp_path / "fifo")
    change(folder, "loops", 1, "path", to=path)
    found = opened(folder)
    assert 2 in found.missing
    assert found.missing[2].startswith("loop 'b'")


@pytest.mark.parametrize("name", ["../m.safetensors", "..", "", "a/b", "a\\b", "C:x"])
def test_a_model_cannot_lie_outside(folder, name):
    change(folder, "models", 0, "file", to=name)
    assert "file name" in str(opened(folder))


@pytest.mark.parametrize("name", ["../1.npz", "/etc/passwd", "..", "1.npy", "x", "C:1"])
def test_a_stored_loop_cannot_lie_outside(folder, name):
    change(folder, "loops", 0, "stored", to=name)
    assert "file name" in str(opened(folder))


def test_layers_larger_than_the_budget_are_not_made(folder):
    change(folder, "layers", 0, "shape", to=[2**20, 2**20, 2**20])
    found = opened(folder)
    assert isinstance(found, MemoryBudgetError)
    assert "'a labels' of 1048576 frames" in str(found)
    project = Project.open(folder, read_only=True)
    with pytest.raises(MemoryBudgetError):
        project.read_layers()


def test_the_budget_counts_all_layers_and_files(folder):
    project = Project.open(folder, read_only=True)
    needed = int(np.prod(SHAPE))
    assert project.read_layers(memory_budget=needed)[3].any()
    with pytest.raises(MemoryBudgetError):
        project.read_layers(memory_budget=needed - 1)
    with (folder / "labels" / "000001.journal").open("r+b") as file:
        file.truncate(needed + 1)
    with pytest.raises(ReadError, match="is too large"):
        project.read_layers(memory_budget=needed)


def record(rows, columns, payload, place=(3, 0, 0, 0), length=None):
    length = len(payload) if length is None else length
    head = HEAD.pack(MAGIC, 0, *place, rows, columns, length)
    checksum = zlib.crc32(payload, zlib.crc32(head[8:]))
    return head[:4] + struct.pack("<I", checksum) + head[8:] + payload


@pytest.mark.parametrize(
    "bad",
    [
        record(2**32 - 1, 2**32 - 1, b""),
        record(72, 80, zlib.compress(bytes(10**8))),
        record(72, 80, b"no zlib"),
        record(1, 1, zlib.compress(b"x"), place=(3, 2**32 - 1, 0, 0)),
        record(1, 1, zlib.compress(b"x"), place=(3, 0, 2**32 - 1, 2**32 - 1)),
        record(0, 0, zlib.compress(b"")),
        record(0, 5, b""),
        record(1, 1, b"", length=2**32 - 1),
        MAGIC * 1000,
        b"",
    ],
)
def test_records_of_any_size_cost_nothing_else(folder, bad):
    journal = folder / "labels" / "000001.journal"
    good = encode(Delta(3, 4, 5, 6, np.full((2, 2), 7, np.uint8)))
    journal.write_bytes(journal.read_bytes() + bad + good)
    found = opened(folder)
    assert (found.pixels[3][4, 5:7, 6:8] == 7).all()
    assert (found.pixels[3][1, 2:6, 3:8] == 2).all()


def test_heads_that_promise_the_rest_of_the_file_are_read_in_linear_time():
    """Each has a wrong checksum over megabytes: together they took hours."""
    head = HEAD.pack(MAGIC, 1, 3, 0, 0, 0, 1, 1, 10**6)
    good = encode(Delta(3, 0, 0, 0, np.ones((2, 2), np.uint8)))
    content = head * 60_000 + bytes(10**6) + good
    found = outcome(lambda: list(parse(content)))
    assert len(found) == 1


def test_a_file_of_the_last_number_is_named(folder):
    (folder / "labels" / "999999999.journal").write_bytes(b"")
    assert "has the number 999999999" in str(opened(folder))


def npz(path, **arrays):
    np.savez_compressed(path, **arrays)


@pytest.mark.parametrize(
    "damage",
    ["shape", "bomb", "type", "object", "times", "spacing", "bits", "no zip", "header",
     "short", "none"],
)  # fmt: skip
def test_a_stored_loop_of_any_content(folder, damage, tmp_path):
    path = folder / "loops" / "1.npz"
    frames, bits = np.zeros(SHAPE, np.uint8), np.asarray(8)
    if damage == "shape":
        npz(path, frames=frames[:4], bits=bits)
    elif damage == "bomb":
        npz(path, frames=np.zeros((40, 1000, 1000), np.uint8), bits=bits)
    elif damage == "type":
        npz(path, frames=frames.astype(complex), bits=bits)
    elif damage == "object":
        npz(path, frames=np.array([{}], object), bits=bits)
    elif damage == "times":
        npz(path, frames=frames, bits=bits, frame_times=np.zeros(10**6))
    elif damage == "spacing":
        npz(path, frames=frames, bits=bits, pixel_spacing=np.array([np.nan, -1]))
    elif damage == "bits":
        npz(path, frames=frames, bits=np.asarray(10**9))
    elif damage == "none":
        npz(path, other=frames)
    else:
        import zipfile

        with zipfile.ZipFile(path, "w") as archive:
            start = b"\x93NUMPY\x01\x00"
            text = "{'descr':'|u1','fortran_order':False,'shape':(8,72,80),}\n"
            head = start + struct.pack("<H", len(text)) + text.encode()
            deep = start + struct.pack("<H", 9000) + b"(" * 9000
            archive.writestr("frames.npy", deep if damage == "header" else head)
            archive.writestr("bits.npy", b"")
        if damage == "no zip":
            path.write_bytes(b"PK\x03\x04" + bytes(100))
    found = opened(folder)
    assert str(path) in found.missing[1] or "1.npz" in found.missing[1]


def test_nan_that_an_older_version_wrote_is_read(folder):
    change(folder, "layers", 0, "attributes", to={"looks": {"opacity": float("nan")}})
    assert "NaN" in (folder / "project.json").read_text()
    found = opened(folder)
    assert found.layers()[0].attributes == {"looks": {"opacity": None}}
