import json
import struct

import numpy as np
import pytest

from napari_motionseg.errors import MemoryBudgetError, ReadError, WriteError
from napari_motionseg.io.flow_files import (
    read_flo,
    read_flow_zarr,
    read_kitti,
    write_flo,
    write_flow_zarr,
    write_kitti,
)
from napari_motionseg.io.png16 import read_png16, write_png16


@pytest.fixture
def flow():
    values = np.random.default_rng(3).normal(0, 5, (3, 2, 7, 9))
    return values.astype(np.float16).astype(np.float32)


def test_zarr_round_trip(tmp_path, flow):
    path = tmp_path / "flow.zarr"
    write_flow_zarr(path, flow, -flow, gap=2, attributes={"method": "pwcnet"})
    forward, backward, attributes = read_flow_zarr(path)
    np.testing.assert_array_equal(forward, flow)
    np.testing.assert_array_equal(backward, -flow)
    assert forward.dtype == np.float32
    assert (attributes["gap"], attributes["method"]) == (2, "pwcnet")
    assert "channel 0 = x" in attributes["convention"]


def test_zarr_without_backward_replaces_what_had_it(tmp_path, flow):
    path = tmp_path / "flow.zarr"
    write_flow_zarr(path, flow, flow, gap=1, attributes={})
    write_flow_zarr(path, flow * 0, None, gap=1, attributes={})
    forward, backward, _ = read_flow_zarr(path)
    assert backward is None
    assert not forward.any()
    assert list(tmp_path.iterdir()) == [path]


def test_zarr_refuses_what_is_no_flow(tmp_path, flow):
    path = tmp_path / "flow.zarr"
    with pytest.raises(WriteError, match="equal in both directions"):
        write_flow_zarr(path, flow, flow[:2], gap=1, attributes={})
    with pytest.raises(WriteError, match="must be"):
        write_flow_zarr(path, flow[:, 0], None, gap=1, attributes={})
    for bad in (np.nan, np.inf, 7e4):
        broken = flow.copy()
        broken[0, 0, 0, 0] = bad
        with pytest.raises(WriteError, match="must be finite and at most"):
            write_flow_zarr(path, broken, None, gap=1, attributes={})
    with pytest.raises(WriteError, match="must fit JSON"):
        write_flow_zarr(path, flow, None, gap=1, attributes={"a": object()})
    assert not path.exists()


def test_a_lost_chunk_is_noticed(tmp_path, flow):
    path = tmp_path / "flow.zarr"
    write_flow_zarr(path, flow, None, gap=1, attributes={})
    about = {"zarr.json", ".zarray", ".zattrs"}
    files = [p for p in (path / "forward").rglob("*") if p.is_file()]
    files = [p for p in files if p.name not in about and p.name[0] != "."]
    chunk = max(files, key=lambda p: p.stat().st_size)
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ReadError, match=r"flow\.zarr: damaged"):
        read_flow_zarr(path)
    chunk.unlink()
    with pytest.raises(ReadError, match="parts of the forward flow are missing"):
        read_flow_zarr(path)


def test_zarr_that_is_none(tmp_path, flow):
    with pytest.raises(ReadError, match="no such zarr folder"):
        read_flow_zarr(tmp_path / "none.zarr")
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(ReadError, match=r"empty\.zarr"):
        read_flow_zarr(tmp_path / "empty.zarr")
    path = tmp_path / "flow.zarr"
    write_flow_zarr(path, flow, None, gap=1, attributes={})
    with pytest.raises(MemoryBudgetError, match="the memory budget is"):
        read_flow_zarr(path, memory_budget=100)
    (path / "forward").rename(path / "sideward")
    with pytest.raises(ReadError, match="lacks the array 'forward'"):
        read_flow_zarr(path)


def test_zarr_with_hostile_metadata(tmp_path, flow):
    path = tmp_path / "flow.zarr"
    write_flow_zarr(path, flow, None, gap=1, attributes={})
    names = ("zarr.json", ".zarray")
    meta = next(p for n in names if (p := path / "forward" / n).exists())
    content = json.loads(meta.read_text())
    content["shape"] = [10**9, 2, 7, 9]
    meta.write_text(json.dumps(content))
    with pytest.raises(MemoryBudgetError):
        read_flow_zarr(path)
    meta.write_text("{")
    with pytest.raises(ReadError):
        read_flow_zarr(path)


def test_flo_round_trip_and_layout(tmp_path, flow):
    path = tmp_path / "pair.flo"
    write_flo(path, flow[0])
    np.testing.assert_array_equal(read_flo(path), flow[0])
    data = path.read_bytes()
    assert data[:4] == b"PIEH"
    assert struct.unpack("<2i", data[4:12]) == (9, 7)
    # row-major, u before v: the third number is u of the second column
    assert struct.unpack("<f", data[20:24])[0] == flow[0, 0, 0, 1]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a .flo file"),
        (b"PIEH", "not a .flo file"),
        (b"PIEH" + struct.pack("<2i", -1, 5), "not a .flo file"),
        (b"PIEH" + struct.pack("<2i", 2**30, 2**30), "need 9223372036854775820"),
        (b"PIEH" + struct.pack("<2i4f", 2, 2, 0, 0, 0, 0), "need 44 bytes, but"),
    ],
)
def test_broken_flo(tmp_path, data, message):
    path = tmp_path / "bad.flo"
    path.write_bytes(data)
    with pytest.raises(ReadError, match=message):
        read_flo(path)


def test_flo_faults(tmp_path, flow):
    with pytest.raises(ReadError, match="no such file"):
        read_flo(tmp_path / "none.flo")
    with pytest.raises(WriteError, match="flow must have shape"):
        write_flo(tmp_path / "a.flo", flow)


def test_kitti_round_trip_within_half_a_step(tmp_path, flow):
    path = tmp_path / "pair.png"
    valid = np.random.default_rng(5).random((7, 9)) > 0.3
    write_kitti(path, flow[0], valid)
    found, found_valid = read_kitti(path)
    np.testing.assert_array_equal(found_valid, valid)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, flow[0], atol=1 / 128)


def test_kitti_numbers_are_those_of_its_readme(tmp_path):
    """One field by hand: x in red, y in green, 64 steps a pixel about 2^15."""
    flow = np.array([[[1.0, -512.0]], [[-0.5, 511.984375]]], np.float32)
    write_kitti(tmp_path / "a.png", flow)
    pixels = read_png16(tmp_path / "a.png")
    np.testing.assert_array_equal(pixels, [[[32832, 32736, 1], [0, 65535, 1]]])
    write_png16(tmp_path / "b.png", np.array([[[32768, 32896, 65535]]], np.uint16))
    found, valid = read_kitti(tmp_path / "b.png")
    assert (found.ravel().tolist(), valid.tolist()) == ([0, 2], [[True]])


def test_kitti_marks_what_is_not_finite_and_refuses_what_is_too_long(tmp_path, flow):
    broken = flow[0].copy()
    broken[1, 2, 3] = np.nan
    write_kitti(tmp_path / "a.png", broken)
    found, valid = read_kitti(tmp_path / "a.png")
    assert not valid[2, 3]
    assert valid.sum() == valid.size - 1
    assert not found[:, 2, 3].any()
    broken[1, 2, 3] = 600
    with pytest.raises(WriteError, match=r"goes to 600 px; write a \.flo file"):
        write_kitti(tmp_path / "b.png", broken)
    with pytest.raises(WriteError, match="flow must have shape"):
        write_kitti(tmp_path / "b.png", flow)
    assert not (tmp_path / "b.png").exists()
