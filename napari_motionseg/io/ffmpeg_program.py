"""Find the ffmpeg program that the package imageio-ffmpeg brings."""

from __future__ import annotations

import re

from napari_motionseg.errors import MissingDependencyError

REMEDY = (
    "pip install imageio-ffmpeg, or set IMAGEIO_FFMPEG_EXE to the path of an ffmpeg "
    "program"
)


def ffmpeg_program() -> str:
    """Return the path of ffmpeg.

    Raises
    ------
    MissingDependencyError
        If the package is not installed, or has no ffmpeg for this platform.
    """
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        raise MissingDependencyError(
            f"videos need ffmpeg, which is not installed: {REMEDY}"
        ) from error


def ffmpeg_version() -> tuple[int, int] | None:
    """Return major and minor version of ffmpeg, or None for a build without a number.

    Raises
    ------
    MissingDependencyError
        See `ffmpeg_program`.
    """
    ffmpeg_program()
    import imageio_ffmpeg

    found = re.match(r"n?(\d+)\.(\d+)", imageio_ffmpeg.get_ffmpeg_version())
    return (int(found[1]), int(found[2])) if found else None
