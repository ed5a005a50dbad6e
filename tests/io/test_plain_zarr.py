"""Flow folders from elsewhere: no link, no code, no size is believed."""

import json
import os
import struct

import numpy as np
import pytest
import zarr

from napari_motionseg.errors import MemoryBudgetError, ReadError
from napari_motionseg.io.flow_files import read_flo, read_flow_zarr, write_flow_zarr
from napari_motionseg.io.plain_zarr import read_array_metadata


@pytest.fixture
def flow():
    draw = np.random.default_rng(0)
    return draw.normal(size=(3, 2, 9, 11)).astype(np.float16).astype(np.float32)


@pytest.fixture
def folder(tmp_path, flow):
    write_flow_zarr(tmp_path / "flow.zarr", flow, flow, gap=1, attributes={})
    return tmp_path / "flow.zarr"


def chunks(folder):
    return sorted(
        p for p in (folder / "forward").rglob("*")
        if p.is_file() and p.name[0] != "." and p.name != "zarr.json"
    )  # fmt: skip


@pytest.mark.parametrize("target", ["/dev/zero", "/etc/hostname", "nowhere", "."])
@pytest.mark.parametrize("which", ["chunk", "metadata", "group"])
def test_links_are_not_followed(folder, target, which):
    path = {
        "chunk": chunks(folder)[0],
        "metadata": folder / "forward" / "zarr.json",
        "group": folder / "zarr.json",
    }[which]
    path.unlink()
    path.symlink_to(target)
    with pytest.raises(ReadError, match="is a symbolic link"):
        read_flow_zarr(folder)


def test_pipes_are_not_waited_for(folder, tmp_path):
    path = chunks(folder)[0]
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ReadError, match="neither a file nor a folder"):
        read_flow_zarr(folder)
    os.mkfifo(tmp_path / "a.flo")
    with pytest.raises(ReadError, match="pipe"):
        read_flo(tmp_path / "a.flo")


def edit(folder, **changes):
    path = folder / "forward" / "zarr.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    "changes",
    [
        {"codecs": [{"name": "numcodecs.pickle"}]},
        {"codecs": 3},
        {"data_type": "string"},
        {"data_type": {"a": []}},
        {"shape": [3, 2, 9, 2**40]},
        {"shape": [3, 2, 9, -1]},
        {"shape": [3, 2, 9, 11.5]},
        {"shape": [3, 2, 9, "11"]},
        {"shape": [3, 2, 9, None]},
        {"shape": 3},
        {"shape": [3, 2, 9]},
        {"data_type": ["float16"]},
        {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [9] * 4}}},
        {"chunk_grid": {"name": "odd"}},
        {"storage_transformers": [{"name": "x"}]},
    ],
)
def test_metadata_that_ask_for_more(folder, changes):
    edit(folder, **changes)
    with pytest.raises(ReadError):
        read_flow_zarr(folder)


@pytest.mark.parametrize("where", ["zarr.json", "forward/zarr.json"])
@pytest.mark.parametrize("text", ["[" * 100_000, "3", '"x"', "{", ""])
def test_json_that_is_none(folder, where, text):
    (folder / where).write_text(text)
    with pytest.raises(ReadError, match="damaged"):
        read_flow_zarr(folder)


def test_a_chunk_that_unpacks_to_more(folder):
    from numcodecs import Zstd

    chunks(folder)[0].write_bytes(Zstd().encode(bytes(2**22)))
    with pytest.raises(ReadError, match=r"unpacks to 4194304 bytes instead of 396"):
        read_flow_zarr(folder)


def test_an_array_that_is_over_the_budget(folder):
    with pytest.raises(MemoryBudgetError):
        read_flow_zarr(folder, memory_budget=1000)


@pytest.mark.parametrize("compressor", ["zstd", "blosc", None])
@pytest.mark.parametrize("kind", ["f2", "f4"])
def test_format_2_is_read(tmp_path, flow, compressor, kind):
    import numcodecs

    codec = {"zstd": numcodecs.Zstd(), "blosc": numcodecs.Blosc(), None: None}
    group = zarr.open_group(str(tmp_path / "f.zarr"), mode="w", zarr_format=2)
    group.attrs["gap"] = 1
    stored = group.create_array(
        "forward", shape=flow.shape, chunks=(1, *flow.shape[1:]), dtype=kind,
        compressors=codec[compressor],
    )  # fmt: skip
    stored[:] = flow.astype(kind)
    read, backward, _ = read_flow_zarr(tmp_path / "f.zarr")
    np.testing.assert_array_equal(read, flow)
    assert backward is None
    assert read_array_metadata(tmp_path / "f.zarr" / "forward").compressor == (
        compressor or ""
    )


def test_a_filter_that_runs_code_is_refused(tmp_path, flow):
    group = zarr.open_group(str(tmp_path / "f.zarr"), mode="w", zarr_format=2)
    group.create_array("forward", shape=flow.shape, dtype="f2")[:] = flow
    path = tmp_path / "f.zarr" / "forward" / ".zarray"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "filters": [{"id": "pickle"}]}))
    with pytest.raises(ReadError, match="not used for flow"):
        read_flow_zarr(tmp_path / "f.zarr")


def test_flo_of_an_enormous_size(tmp_path):
    path = tmp_path / "a.flo"
    path.write_bytes(struct.pack("<fii", 202021.25, 2**31 - 1, 2**31 - 1))
    with pytest.raises(ReadError, match="need"):
        read_flo(path)
