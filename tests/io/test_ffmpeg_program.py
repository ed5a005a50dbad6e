"""Without ffmpeg, everything but videos works, and videos say what to install."""

import sys

import imageio_ffmpeg
import numpy as np
import pytest

from napari_motionseg.errors import (
    MissingDecoderError,
    MissingDependencyError,
    PartialReadWarning,
)
from napari_motionseg.io import read_cine
from napari_motionseg.io.ffmpeg_program import ffmpeg_program, ffmpeg_version
from napari_motionseg.io.movie_writer import write_movie
from napari_motionseg.io.reading import read_cines

FRAMES = np.zeros((3, 16, 16, 3), np.uint8)


@pytest.fixture(params=["no package", "no program"])
def no_ffmpeg(request, monkeypatch):
    """Take away the package, or the program that it should bring."""
    if request.param == "no package":
        monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
        return

    def none():
        raise RuntimeError("No ffmpeg exe could be found")

    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", none)


def test_it_is_found_with_its_version():
    assert ffmpeg_program()
    known = ffmpeg_version()
    assert known is None or known > (2, 0)


@pytest.mark.parametrize(
    ("words", "known"),
    [("7.1-static", (7, 1)), ("n6.0.1", (6, 0)), ("N-12345-gabc", None)],
)
def test_versions_of_all_builds(monkeypatch, words, known):
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_version", lambda: words)
    assert ffmpeg_version() == known


def test_a_video_names_the_file_and_the_remedy(no_ffmpeg, tmp_path):
    path = tmp_path / "loop.mp4"
    path.write_bytes(b"anything")
    with pytest.raises(MissingDecoderError, match=r"loop\.mp4.*pip install imageio-ff"):
        read_cine(path)


def test_a_movie_is_refused_and_a_gif_is_written(no_ffmpeg, tmp_path):
    with pytest.raises(MissingDependencyError, match="pip install imageio-ffmpeg"):
        write_movie(tmp_path / "a.mp4", FRAMES, 10)
    assert not list(tmp_path.iterdir())
    write_movie(tmp_path / "a.gif", FRAMES, 10)
    assert (tmp_path / "a.gif").stat().st_size


def test_other_loops_of_a_folder_are_read(no_ffmpeg, tmp_path, small_cine):
    from napari_motionseg.io.dicom_writer import write_xa
    from napari_motionseg.io.file_selection import read_together

    write_xa(tmp_path / "a.dcm", small_cine)
    (tmp_path / "b.mp4").write_bytes(b"anything")
    with pytest.warns(PartialReadWarning, match="ffmpeg"):
        (cine,) = read_together([tmp_path / "a.dcm", tmp_path / "b.mp4"])
    assert cine.name == "a"
    assert len(read_cines(tmp_path / "a.dcm")) == 1
