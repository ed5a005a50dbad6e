"""Make figure 3 of the paper for a loop: embed, estimate flow, draw, write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.embedding.embedding_views import (
    FIGURE_3,
    Picture,
    Pictures,
    Subject,
    view_of,
)
from napari_motionseg.embedding.features import embed_frame
from napari_motionseg.embedding.figure import (
    FigureRow,
    caption_words,
    draw_figure,
    save_figure,
)
from napari_motionseg.embedding.flow_kernels import FLOW_KERNELS
from napari_motionseg.embedding.frame_vectors import FrameVectors, Pixel, inside_image
from napari_motionseg.embedding.projection import Method, Palette, sample_vectors
from napari_motionseg.embedding.similarity import SHIFT, Combination
from napari_motionseg.errors import SettingsError
from napari_motionseg.io.atomic import replacing
from napari_motionseg.io.png_files import save_png
from napari_motionseg.jobs import Job, Progress
from napari_motionseg.motion import FlowCache, FlowSettings, lazy_flow
from napari_motionseg.motion.frame_motion import entry_at
from napari_motionseg.registry import unknown_name

Anchor = tuple[int, int, int]


@dataclass(frozen=True)
class FigureSettings:
    """Settings of the figure.

    Parameters
    ----------
    method, seed
        Method and seed of the projection; see `Palette.of`.
    how
        Combination of several anchors of a frame: ``"max"`` or ``"mean"`` of their
        maps.
    kernel
        Name of a flow kernel, a key of `FLOW_KERNELS`.
    shift
        Rows and columns by which the shifted similarities are shifted.
    flow
        Settings of the flow.
    device
        Device for networks.

    Raises
    ------
    SettingsError
        If the projection, combination or kernel is unknown.
    """

    method: Method = "random"
    seed: int = 0
    how: Combination = "max"
    kernel: str = "relative"
    shift: Pixel = SHIFT
    flow: FlowSettings = field(default_factory=FlowSettings)
    device: str = "auto"

    def __post_init__(self) -> None:
        for kind, value, choices in (
            ("projection", self.method, get_args(Method)),
            ("combination of anchors", self.how, get_args(Combination)),
            ("kernel", self.kernel, tuple(FLOW_KERNELS)),
        ):
            if value not in choices:
                known = dict.fromkeys(choices)
                raise SettingsError(unknown_name(kind, value, known))


@dataclass(frozen=True, eq=False)
class Panel:
    """One frame with the embedding of one checkpoint.

    Parameters
    ----------
    t, model
        Index of the frame, and name of the checkpoint.
    row
        Row of pictures in the figure.
    vectors
        Embedding of the frame.
    """

    t: int
    model: str
    row: FigureRow
    vectors: FrameVectors

    @property
    def stem(self) -> str:
        """First part of the names of its files."""
        return f"frame{self.t:03d}_{self.model}"


def figure3_job(
    cine: Cine,
    models: Sequence[str | Path],
    anchors: Sequence[Anchor],
    settings: FigureSettings | None = None,
    cache: FlowCache | None = None,
) -> Job[list[Panel]]:
    """Make the panels of figure 3 of Ma et al. (2019).

    Parameters
    ----------
    cine
        The loop to show.
    models
        Checkpoints with an embedding, or names of shipped weights.
    anchors
        At least one anchor: frame, row and column. Anchors of one frame share its
        panels.
    settings
        Settings of the figure; None uses the paper's.
    cache
        Cache of the flow; None uses none.

    Yields
    ------
    Progress
        After each panel.

    Returns
    -------
    list of Panel
        Panels ordered by frame, then by checkpoint.

    Raises
    ------
    SettingsError
        If there is no anchor or no checkpoint, or an anchor is outside the loop.
    CheckpointError
        If a checkpoint cannot be read or has no embedding.
    """
    from napari_motionseg.models import load_model
    from napari_motionseg.models.model_card import checkpoint_path

    settings = settings or FigureSettings()
    frames = _by_frame(cine, anchors)
    if not models:
        raise SettingsError("name at least one checkpoint whose embedding is shown")
    networks = [load_model(m, kind=("embedding", "segmentation"))[0] for m in models]
    panels: list[Panel] = []
    total = len(frames) * len(networks)
    for t, pixels in frames.items():
        flow = _flow_at(cine, t, settings.flow, cache)
        frame = cine.normalized(t)
        for path, network in zip(models, networks, strict=True):
            embedding = embed_frame(cast("Any", network), frame, device=settings.device)
            sample = sample_vectors(embedding, embedding[0].size)
            subject = Subject(
                FrameVectors(embedding),
                Palette.of(sample, settings.method, settings.seed),
                flow, pixels, settings.how, FLOW_KERNELS[settings.kernel],
                settings.shift,
            )  # fmt: skip
            pictures = Pictures().of(FIGURE_3, subject)
            name = checkpoint_path(path).stem
            title = name if len(frames) == 1 else f"{name}, frame {t}"
            row = FigureRow(title, frame, pictures, pixels)
            panels.append(Panel(t, name, row, subject.vectors))
            yield Progress(len(panels), total, f"frame {t}, {name}")
    return panels


def panel_names(panels: Sequence[Panel]) -> list[tuple[str, str]]:
    """Return first and last part of the name of each file for panels.

    Returns
    -------
    list of tuple
        ``("figure3", ".png")`` first; then for each panel a PNG for each picture, and
        an ``.npz`` with the values of all its maps.
    """
    names = [("figure3", ".png")]
    for panel in panels:
        pictures = (name.replace(" ", "_") for name in panel.row.pictures)
        names += [(f"{panel.stem}", f"_{name}.png") for name in pictures]
        names.append((panel.stem, ".npz"))
    return names


def write_panels(
    folder: str | Path, panels: Sequence[Panel], settings: FigureSettings
) -> list[Path]:
    """Write the figure, its pictures and their values; return the files.

    Parameters
    ----------
    folder
        Path of the folder, created if it is missing. Files with the names from
        `panel_names` are replaced.
    panels
        Panels from `figure3_job`.
    settings
        Settings with which the panels were made.

    Raises
    ------
    WriteError
        If a file cannot be written.
    """
    paths = [Path(folder) / (stem + tail) for stem, tail in panel_names(panels)]
    draw_panels(paths, panels, settings)
    return paths


def draw_panels(
    paths: Sequence[Path], panels: Sequence[Panel], settings: FigureSettings
) -> None:
    """Write the figure, its pictures and their values to given paths.

    Parameters
    ----------
    paths
        One path for each of `panel_names`, in the same order.
    panels
        Panels from `figure3_job`.
    settings
        Settings with which the panels were made.

    Raises
    ------
    WriteError
        If a file cannot be written.
    """
    frames = ", ".join(str(t) for t in dict.fromkeys(panel.t for panel in panels))
    caption = caption_words(
        frames, settings.method, settings.seed, settings.kernel, settings.shift
    )
    following = iter(paths)
    rows = [panel.row for panel in panels]
    save_figure(draw_figure(rows, caption), next(following))
    for panel in panels:
        for name, picture in panel.row.pictures.items():
            with replacing(next(following)) as temporary:
                save_png(temporary, as_colors(name, picture))
        values: dict[str, Any] = {
            n.replace(" ", "_"): p for n, p in panel.row.pictures.items()
        }
        with replacing(next(following)) as temporary:
            np.savez_compressed(temporary, **values)


def as_colors(name: str, picture: Picture) -> NDArray[np.uint8]:
    """Return a picture as displayed, ``(H, W, 3)``; unknown values are gray."""
    import matplotlib as mpl

    limits = view_of(name).limits
    if limits is None:
        return np.asarray(picture, np.uint8)
    low, high = limits
    colormap = mpl.colormaps[view_of(name).colormap].with_extremes(bad="0.5")
    shares = np.ma.masked_invalid((picture - low) / (high - low))
    colors: NDArray[np.uint8] = colormap(shares, bytes=True)[..., :3]
    return colors


def _by_frame(cine: Cine, anchors: Sequence[Anchor]) -> dict[int, tuple[Pixel, ...]]:
    if not anchors:
        raise SettingsError("at least one anchor is needed: frame, row and column")
    frames: dict[int, tuple[Pixel, ...]] = {}
    for t, row, column in anchors:
        if not 0 <= t < len(cine):
            raise SettingsError(
                f"the anchor's frame must be from 0 to {len(cine) - 1}; got {t}"
            )
        if not cine.frames.usable(t):
            raise SettingsError(
                f"the anchor's frame {t} is damaged; choose a frame that can be decoded"
            )
        pixel = inside_image((row, column), cine.shape[1:])
        frames[t] = (*frames.get(t, ()), pixel)
    return frames


def _flow_at(
    cine: Cine, t: int, settings: FlowSettings, cache: FlowCache | None
) -> NDArray[np.float32] | None:
    """Return the flow that begins at a frame, or None if there is none."""
    if len(cine) < 2:
        return None
    sequence = lazy_flow(cine, settings, cache)
    entry = entry_at(sequence, t)
    return None if entry is None else np.asarray(sequence.forward[entry], np.float32)
