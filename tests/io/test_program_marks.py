"""What this program wrote is told from loops, and is not read as one."""

import warnings

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_motionseg.cine import Cine
from napari_motionseg.embedding.figure import save_figure
from napari_motionseg.errors import OccupiedError, ReadError
from napari_motionseg.io import can_read, read_cine, read_cines, write_masks
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.io.flow_files import write_flow_zarr, write_kitti
from napari_motionseg.io.movie_writer import write_movie
from napari_motionseg.io.program_marks import is_foreign_loop, is_own

GRAY = np.random.default_rng(0).integers(0, 255, (4, 32, 32), np.uint8)
COLOURS = np.repeat(GRAY[..., None], 3, axis=-1)
MASKS = (GRAY > 128).astype(np.uint8)
FLOW = np.zeros((2, 32, 32), np.float32)


def _figure(path):
    from matplotlib.figure import Figure

    save_figure(Figure(figsize=(1, 1)), path)


WRITERS = {
    "masks.tif": lambda path: write_masks(path, MASKS),
    "masks.tiff": lambda path: write_masks(path, MASKS, frame_times=np.arange(4.0)),
    "masks.png": lambda path: write_masks(path, MASKS[0]),
    "overlay.mp4": lambda path: write_movie(path, COLOURS, 10),
    "overlay.gif": lambda path: write_movie(path, COLOURS, 10),
    "flow.png": lambda path: write_kitti(path, FLOW),
    "figure.png": _figure,
}
LOOPS = {
    "loop.tif": lambda path: tifffile.imwrite(path, GRAY, photometric="minisblack"),
    "imagej.tif": lambda path: tifffile.imwrite(path, GRAY, imagej=True),
    "loop.gif": lambda path: iio.imwrite(path, GRAY),
    "loop.mp4": lambda path: iio.imwrite(path, COLOURS, fps=10),
    "loop.avi": lambda path: iio.imwrite(path, COLOURS, fps=10),
    "loop.npy": lambda path: np.save(path, GRAY),
}


@pytest.fixture
def loop(tmp_path):
    """One loop in a folder."""
    cine = Cine.from_array(GRAY, name="run")
    write_xa(tmp_path / "run.dcm", cine)
    return tmp_path / "run.dcm"


@pytest.mark.parametrize("name", WRITERS)
def test_results_beside_a_loop_are_no_loops(name, loop):
    WRITERS[name](loop.parent / name)
    assert is_own(loop.parent / name)
    assert not is_foreign_loop(loop.parent / name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [cine.name for cine in read_cines(loop.parent)] == ["run"]


def test_a_folder_of_results_holds_no_loop(tmp_path):
    for name, write in WRITERS.items():
        write(tmp_path / name)
    write_masks(tmp_path / "series", MASKS)
    write_flow_zarr(tmp_path / "flow", FLOW[None], None, gap=1, attributes={})
    assert not can_read(tmp_path)
    with pytest.raises(ReadError, match="files of this program are left out"):
        read_cines(tmp_path)
    with pytest.raises(ReadError, match=r"frame_0000\.png and other"):
        read_cine(tmp_path / "series")


def test_pictures_of_results_are_no_frames_of_a_folder_of_images(tmp_path):
    for t in range(3):
        Image.fromarray(GRAY[t]).save(tmp_path / f"frame{t}.png")
    _figure(tmp_path / "figure3.png")
    assert read_cine(tmp_path).shape == (3, 32, 32)


@pytest.mark.parametrize("name", ["masks.tiff", "overlay.mp4", "overlay.gif"])
def test_a_result_is_read_if_it_is_named_itself(name, tmp_path):
    WRITERS[name](tmp_path / name)
    assert len(read_cine(tmp_path / name)) == 4


def test_masks_of_older_versions_are_known_too(tmp_path):
    tifffile.imwrite(
        tmp_path / "m.tif",
        MASKS,
        photometric="minisblack",
        metadata={"axes": "TYX", "labelled": [True] * 4},
    )
    assert is_own(tmp_path / "m.tif")


@pytest.mark.parametrize("name", LOOPS)
def test_loops_of_others_are_never_replaced(name, tmp_path):
    LOOPS[name](tmp_path / name)
    assert is_foreign_loop(tmp_path / name)
    before = (tmp_path / name).read_bytes()
    for suffix, write in WRITERS.items():
        if (tmp_path / suffix).suffix == (tmp_path / name).suffix:
            with pytest.raises(OccupiedError, match="did not write"):
                write(tmp_path / name)
    assert (tmp_path / name).read_bytes() == before


@pytest.mark.parametrize("preamble", [True, False])
def test_no_result_replaces_a_dicom_file_of_others(preamble, loop):
    """Whatever it is called: names of DICOM files say nothing."""
    content = loop.read_bytes().replace(b"napari-motionseg", b"SOME OTHER MAKER")
    target = loop.parent / "result.npz"
    target.write_bytes(content if preamble else content[132:])
    assert is_foreign_loop(target)
    before = target.read_bytes()
    with pytest.raises(OccupiedError, match="a loop that this program did not write"):
        write_masks(target, MASKS)
    assert target.read_bytes() == before


def test_an_own_dicom_file_and_own_movies_are_replaced(loop):
    write_xa(loop, Cine.from_array(GRAY[:2], name="run"))
    assert len(read_cine(loop)) == 2
    for name, write in WRITERS.items():
        for _ in range(2):
            write(loop.parent / name)


@pytest.mark.parametrize("content", [b"", b"x", b"\0\0\0\x08ftyp", b"II*\0", b"GIF89a"])
def test_what_is_cut_short_is_not_ours(content, tmp_path):
    (tmp_path / "a").write_bytes(content)
    assert not is_own(tmp_path / "a")
    assert not is_own(tmp_path / "missing")
    assert not is_own(tmp_path)
