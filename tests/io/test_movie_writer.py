"""A movie is checked before it gets its name."""

import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from napari_motionseg.errors import SettingsError, WriteError
from napari_motionseg.io import movie_writer, read_cine
from napari_motionseg.io.movie_writer import write_movie

FRAMES = np.random.default_rng(0).integers(0, 255, (6, 33, 35, 3), np.uint8)


@pytest.mark.parametrize("name", ["a.mp4", "a.gif"])
def test_odd_sides_and_single_frames_are_written(name, tmp_path):
    for frames in (FRAMES, FRAMES[:1], np.zeros_like(FRAMES)):
        write_movie(tmp_path / name, frames, 12.5)
        assert read_cine(tmp_path / name).shape[1] in (32, 33)
    write_movie(tmp_path / name, FRAMES, 12.5)
    assert len(read_cine(tmp_path / name)) == 6


@pytest.mark.parametrize("shape", [(0, 8, 8, 3), (2, 0, 8, 3), (2, 1, 8, 3)])
def test_frames_without_pixels_are_refused(shape, tmp_path):
    with pytest.raises(SettingsError, match="must hold pixels"):
        write_movie(tmp_path / "a.mp4", np.zeros(shape, np.uint8), 10)


def _encoder(tmp_path, script):
    """Return a program that stands in for ffmpeg."""
    program = tmp_path / "ffmpeg.sh"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(program)


REAL = imageio_ffmpeg.get_ffmpeg_exe()
FAULTS = {
    # the encoder's last argument is the file that it writes
    "says so": (
        "cat >/dev/null; echo 'No space left on device' >&2; exit 1",
        "No space",
    ),
    "dies": ("kill -9 $$", "exit code -9"),
    "writes nothing": ("cat >/dev/null", "0 of 6 frames"),
    "writes half": (
        f'"{REAL}" "$@" || exit 1; '
        'for last; do :; done; case "$last" in *.mp4) truncate -s 900 "$last";; esac',
        "cannot be decoded",
    ),
    "loses frames": (
        'case "$*" in *rawvideo*) '
        f'head -c 7000 | "{REAL}" "$@";; *) exec "{REAL}" "$@";; esac',
        "2 of 6 frames",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_encoder_that_fails_replaces_nothing(fault, tmp_path, monkeypatch):
    target = tmp_path / "out" / "a.mp4"
    write_movie(target, FRAMES, 10)
    before = target.read_bytes()
    script, words = FAULTS[fault]
    program = _encoder(tmp_path, script)
    monkeypatch.setattr(movie_writer, "ffmpeg_program", lambda: program)
    with pytest.raises(WriteError, match=words):
        write_movie(target, FRAMES, 10)
    assert target.read_bytes() == before
    assert [path.name for path in target.parent.iterdir()] == ["a.mp4"]


def test_a_gif_that_is_cut_replaces_nothing(tmp_path, monkeypatch):
    target = tmp_path / "a.gif"
    write_movie(target, FRAMES, 10)
    before = target.read_bytes()
    real = movie_writer._write_gif

    def cut(temporary: Path, *given):
        real(temporary, *given)
        temporary.write_bytes(temporary.read_bytes()[:2000])

    monkeypatch.setattr(movie_writer, "_write_gif", cut)
    with pytest.raises(WriteError, match="damaged movie"):
        write_movie(target, FRAMES, 10)
    assert target.read_bytes() == before


def test_the_encoder_reads_no_words_from_a_name(tmp_path):
    """A name that begins with a dash, or looks like a protocol, is a file's name."""
    for name in ("-y.mp4", "pipe:1.mp4", "%d.mp4", "a b'.mp4"):
        write_movie(tmp_path / name, FRAMES, 10)
        assert (tmp_path / name).stat().st_size
    assert subprocess.run(["ls", tmp_path], check=True, capture_output=True).stdout
