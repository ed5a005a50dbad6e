"""Convert pictures to text: frames as PNG, outlines as SVG paths."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_motionseg.cine import Cine

Gray = NDArray[np.uint8]
SHOWN_PERCENTILES = (0.5, 99.5)  # single bright or dark pixels do not set the contrast
OUTLINE_TOLERANCE_PX = 0.3  # fewer points, without a visible change
MIME = {".mp4": "video/mp4", ".gif": "image/gif", ".png": "image/png"}


def as_gray(cine: Cine) -> Gray:
    """Return the frames ``(T, H, W)`` uint8, with the same contrast throughout.

    Damaged frames are blank and do not influence the contrast.
    """
    frames = np.asarray(cine.frames, np.float32)
    good = frames[cine.frames.usable_frames()] if cine.frames.damaged else frames
    low, high = cine.window or np.percentile(good, SHOWN_PERCENTILES)
    scaled = (frames - low) / max(float(high - low), 1e-6)
    return np.asarray(np.clip(scaled, 0, 1) * 255, np.uint8)


def png(pixels: NDArray[np.uint8]) -> str:
    """Return a picture ``(H, W)`` or ``(H, W, 3 or 4)`` as PNG in a data URI."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG", optimize=True)
    return data_uri(buffer.getvalue(), MIME[".png"])


def data_uri(content: bytes, mime: str) -> str:
    """Return bytes as a data URI for an HTML attribute."""
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"


def embed_file(path: Path) -> str:
    """Return a movie or picture file as a data URI."""
    return data_uri(path.read_bytes(), MIME[path.suffix.lower()])


def in_colors(values: NDArray[np.floating], low: float, high: float) -> Gray:
    """Return ``(H, W)`` values as ``(H, W, 3)`` colours of a perceptual map."""
    from matplotlib import colormaps

    scaled = np.clip((values - low) / (high - low), 0, 1)
    colors = colormaps["viridis"](scaled)[..., :3]
    return np.asarray(np.round(colors * 255), np.uint8)


def outline(mask: NDArray[Any]) -> str:
    """Return the outline of ``(H, W)`` as an SVG path in pixel units.

    The centre of pixel (0, 0) is at (0.5, 0.5), as in an SVG image of ``W x H`` units.
    """
    from skimage.measure import approximate_polygon, find_contours

    padded = np.pad(np.asarray(mask, bool), 1).astype(np.float32)
    parts = []
    for contour in find_contours(padded, 0.5):
        points = approximate_polygon(contour, OUTLINE_TOLERANCE_PX) - 0.5
        joined = "L".join(f"{x:.1f} {y:.1f}" for y, x in points[:-1])
        parts.append(f"M{joined}Z")
    return "".join(parts)
