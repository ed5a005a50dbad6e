"""Find the field of view: the part that collimators, masks and borders leave open.

A region outside the field touches the border of the picture. It is either flat, like a
border that a console draws, or much darker than the field, like the region behind
collimator blades. A field of view is convex: a circle, an octagon, a rectangle, or a
rectangle with turned blades. If anatomy touches the border, the rest of the picture is
rarely convex; this tells the two cases apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_motionseg.cine.cine import Cine
from napari_motionseg.cine.collimator_blades import (
    DARK_SHARE,
    LEAST_STEP,
    PLATEAU_SHARE,
    PROBES,
    STEPPED_SHARE,
    cut_blades,
    penumbras,
)
from napari_motionseg.errors import SettingsError

Picture = NDArray[np.float32]
Mask = NDArray[np.bool_]

WORKING_SIDE = 256  # px: side of the downsampled picture in which the field is sought
MOST_FRAMES = 9  # frames whose median is searched; motion cancels out in it
LEVEL = 1 / 255  # one gray level of eight bits
FLAT_LEVELS = 1.6  # a flat border varies by at most so many gray levels within a few px
SATURATED = 0.97  # brighter than this is overexposed lung: flat, but inside the field
# share of the picture; a smaller outside region is a marker or letter
LEAST_AREA = 0.002
LEAST_DARK_AREA = 0.008  # share of the picture; a smaller corner is often a shadow
RINGING = 8  # px: JPEG codes blocks of 8 px, and an edge rings within its block
LEAST_OPEN = 0.12  # share of the picture; a smaller field is taken for an error
LEAST_CONVEXITY = 0.965  # area of the open part divided by that of its convex hull
TRIED_LEVELS = 20  # gray levels that are tried as the edge of the blades
EDGE_PX = 4.0  # px, at a side of 512 px, over which an edge blurs into the field
# fields of loops that are in use
_found: WeakKeyDictionary[Cine, FieldOfView] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class FieldOfView:
    """The region of a picture that shows the patient.

    Parameters
    ----------
    mask
        ``(H, W)`` bool, True inside the field.
    found
        Whether an edge was found. If not, the mask is True everywhere.
    """

    mask: Mask
    found: bool

    def inner(self, margin: float = EDGE_PX) -> Mask:
        """Return the field without its edge, ``(H, W)`` bool.

        Parameters
        ----------
        margin
            Width in px of the edge that is left out, for a picture of 512 px; it scales
            with the shorter side. The picture's own border does not count as an edge.
        """
        if not self.found:
            return self.mask
        width = margin * min(self.mask.shape) / 512
        return np.asarray(self._away > width)

    @cached_property
    def _away(self) -> NDArray[np.floating]:
        """Distance ``(H, W)`` in px to the nearest pixel outside the field."""
        away: Any = ndimage.distance_transform_edt(self.mask)
        return np.asarray(away)


def find_field_of_view(frames: NDArray[Any]) -> FieldOfView:
    """Find the field of view of a picture or a loop.

    Parameters
    ----------
    frames
        ``(H, W)`` or ``(T, H, W)``, gray values in [0, 1]. Up to nine frames of a loop
        are used.

    Raises
    ------
    SettingsError
        If the array is empty or has other axes.
    """
    stack = np.asarray(frames, np.float32)
    stack = stack[None] if stack.ndim == 2 else stack
    if stack.ndim != 3 or not stack.size:
        raise SettingsError(
            f"frames must be (H, W) or (T, H, W) and not empty; got {frames.shape}"
        )
    picture: Picture = np.median(stack[_sample_indices(len(stack))], axis=0)
    whole = np.ones(picture.shape, bool)
    if min(picture.shape) < 16:
        return FieldOfView(whole, False)
    factor = max(1, round(min(picture.shape) / WORKING_SIDE))
    small = _downsample(picture, factor)
    inside = _find_open_field(small, _downsample_range(picture, factor))
    if inside.all():
        return FieldOfView(whole, False)
    return FieldOfView(_upsample(inside, picture.shape, factor), True)


def find_cine_field_of_view(cine: Cine) -> FieldOfView:
    """Find the field of view of a loop from at most nine of its frames.

    Damaged frames are left out; if all nine are damaged, the whole picture is the
    field. The shutter in the loop's header (`Cine.valid_area`) is respected as well.
    Masks, previews and speeds of a loop ask for it, so it is searched once.
    """
    known = _found.get(cine)
    if known is None:
        known = _found[cine] = _search(cine)
    return known


def _search(cine: Cine) -> FieldOfView:
    good = [int(t) for t in _sample_indices(len(cine)) if cine.frames.usable(int(t))]
    field = FieldOfView(np.ones(cine.shape[1:], bool), False)
    if good:
        field = find_field_of_view(np.stack([cine.normalized(t) for t in good]))
    said = cine.valid_area
    if said is None or said.all():
        return field
    return FieldOfView(field.mask & said, True)


def _sample_indices(count: int) -> NDArray[np.intp]:
    even = np.linspace(0, count - 1, min(count, MOST_FRAMES))
    return np.unique(even.round().astype(np.intp))


def _downsample(picture: Picture, factor: int) -> Picture:
    rows, columns = (side - side % factor for side in picture.shape)
    blocks = picture[:rows, :columns].reshape(
        rows // factor, factor, columns // factor, factor
    )
    return np.asarray(blocks.mean(axis=(1, 3)), np.float32)


def _downsample_range(picture: Picture, factor: int) -> Picture:
    """Return the range of gray values around each pixel of the smaller picture."""
    # a border drawn before JPEG compression varies only near letters and edges
    spread = ndimage.maximum_filter(picture, 5) - ndimage.minimum_filter(picture, 5)
    rows, columns = (side - side % factor for side in picture.shape)
    blocks = spread[:rows, :columns].reshape(
        rows // factor, factor, columns // factor, factor
    )
    return np.asarray(np.median(blocks, axis=(1, 3)), np.float32)


def _upsample(inside: Mask, shape: tuple[int, ...], factor: int) -> Mask:
    """Return the mask at the size of the picture, with a smooth edge."""
    distance = ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(
        ~inside
    )
    rows = (np.arange(shape[0]) + 0.5) / factor - 0.5
    columns = (np.arange(shape[1]) + 0.5) / factor - 0.5
    grid = np.meshgrid(rows, columns, indexing="ij")
    fine = ndimage.map_coordinates(
        distance.astype(np.float32), grid, order=1, mode="nearest"
    )
    return np.asarray(fine > 0)


def _find_open_field(picture: Picture, spread: Picture) -> Mask:
    """Return the field of a small picture ``(h, w)``; everything if none is found."""
    inside = np.ones(picture.shape, bool)
    flat = (spread <= FLAT_LEVELS * LEVEL) & (picture < SATURATED)
    for part in _border_components(_binary_opening(flat, 3)):
        # blur and JPEG's ringing vary the gray near the edge, so the flat part ends too
        # early
        grown = _grow_to_edge(part, picture)
        if _leaves_convex_field(grown) and not _has_no_edge(picture, grown):
            inside &= ~grown
    dark = _find_collimator(picture, inside)
    inside = cut_blades(picture, inside & ~dark)
    if inside.all() or inside.mean() < LEAST_OPEN:
        return np.ones(picture.shape, bool)
    return _convex_hull_of_largest(inside)


def _binary_opening(mask: Mask, width: int) -> Mask:
    """Return the mask without parts thinner than `width` px, except at the border."""
    wide = np.pad(mask, width, mode="edge")
    kept = ndimage.binary_opening(wide, np.ones((width, width)))
    return np.asarray(kept[width:-width, width:-width])


def _border_components(mask: Mask) -> list[Mask]:
    """Return the connected components of a mask that touch the picture's border."""
    labels, _ = ndimage.label(mask)
    edge = np.concatenate((labels[0], labels[-1], labels[:, 0], labels[:, -1]))
    found = [labels == number for number in np.unique(edge) if number]
    return [part for part in found if part.mean() >= LEAST_AREA]


def _grow_to_edge(part: Mask, picture: Picture) -> Mask:
    """Grow a flat part by a few px, up to half of the step in gray to the field."""
    near = ndimage.binary_dilation(part, iterations=RINGING)
    beyond = ndimage.binary_dilation(part, iterations=RINGING + 4) & ~near
    if not beyond.any():
        return part
    level = float(np.median(picture[part]))
    # the nearest value of the field decides, because the field is not uniform
    other, at = picture[beyond], np.argwhere(beyond)
    nearest = ndimage.distance_transform_edt(
        ~beyond, return_distances=False, return_indices=True
    )
    field = picture[nearest[0], nearest[1]] if len(at) else other
    like_outside = np.abs(picture - level) < np.abs(picture - field)
    grown = (part | (near & like_outside)).astype(np.float32)
    smooth = ndimage.uniform_filter(grown, RINGING - 1, mode="nearest")
    return np.asarray(smooth > 0.5)


def _leaves_convex_field(outside: Mask) -> bool:
    # letters and ringing outside leave specks that would widen the hull
    from skimage.morphology import convex_hull_image

    rest = _largest_component(~outside)
    if rest.mean() < LEAST_OPEN:
        return False
    hull = convex_hull_image(rest)  # type: ignore[no-untyped-call]
    return bool(rest.sum() >= LEAST_CONVEXITY * hull.sum())


def _has_no_edge(picture: Picture, outside: Mask) -> bool:
    """Return whether the outside has no edge, as where an empty picture is flat."""
    return _step_share(picture, outside, either_way=True) < STEPPED_SHARE / 2


def _step_share(picture: Picture, outside: Mask, *, either_way: bool = False) -> float:
    """Return the share of the edge across which gray rises by at least `LEAST_STEP`.

    It is the largest share for any width of the penumbra, as soon as one suffices; with
    `either_way`, which asks for any step, that of the narrowest.
    """
    edge = outside & ndimage.binary_dilation(~outside)
    if not edge.any():
        return 0.0
    away = ndimage.distance_transform_edt(~outside)
    within = ndimage.distance_transform_edt(outside)
    signed = np.where(outside, -within, away)
    smooth = ndimage.gaussian_filter(signed.astype(np.float32), 2)
    normal = np.stack(np.gradient(smooth))
    normal /= np.maximum(np.linalg.norm(normal, axis=0), 1e-6)
    places = np.argwhere(edge).T.astype(np.float32)
    ahead = normal[:, edge]
    share = 0.0
    for width in (1.0,) if either_way else penumbras(min(picture.shape)):
        probed = tuple(
            ndimage.map_coordinates(
                picture, places + width * d * ahead, order=1, mode="nearest"
            )
            for d in PROBES
        )
        share = max(share, _stepped(*probed, either_way=either_way))
        if share >= STEPPED_SHARE:
            break
    return share


def _stepped(
    inner: Picture, outer: Picture, beyond: Picture, *, either_way: bool
) -> float:
    """Return the share of places where gray steps up from outside to the field."""
    step, further = inner - outer, outer - beyond
    if either_way:
        step, further = np.abs(step), np.abs(further)
    # a shadow of anatomy keeps darkening outwards; a blade is evenly dark
    stepped = (step >= LEAST_STEP) & (further <= PLATEAU_SHARE * step)
    return float(stepped.mean())


def _find_collimator(picture: Picture, inside: Mask) -> Mask:
    """Return the region behind blades: dark, at the border, with a step to the field.

    Several gray levels are tried as the upper limit of the dark region; the one with
    the steepest edge is taken.
    """
    none = np.zeros(picture.shape, bool)
    smooth = ndimage.gaussian_filter(picture, 1.0)
    middle = float(np.median(picture[inside])) if inside.any() else 0.0
    # the highest level is half way up the edge of the brightest blades that count
    highest = 0.5 * (1 + DARK_SHARE) * middle
    lowest = float(smooth.min())
    slope = ndimage.gaussian_gradient_magnitude(picture, 1.0)
    best, strength = none, 0.0
    for level in np.linspace(lowest, highest, TRIED_LEVELS)[1:]:
        outside = none.copy()
        # leads that cross the edge are thin, and must not join the covered region
        below = _binary_opening((smooth < level) | ~inside, 5)
        for part in _border_components(below):
            if _is_collimated(part, picture, smooth, middle):
                outside |= part
        edge = outside & ndimage.binary_dilation(~outside) & inside
        if edge.any():
            found = float(np.median(slope[edge])) * np.sqrt(edge.sum())
            if found > strength:
                best, strength = outside, found
    return best


def _is_collimated(
    part: Mask, picture: Picture, smooth: Picture, middle: float
) -> bool:
    return (
        part.mean() >= LEAST_DARK_AREA
        and float(np.median(smooth[part])) < DARK_SHARE * middle
        and _leaves_convex_field(part)
        and _step_share(picture, part) >= STEPPED_SHARE
    )


def _largest_component(mask: Mask) -> Mask:
    """Return the largest connected part of a mask."""
    labels, count = ndimage.label(mask)
    if count <= 1:
        return mask
    sizes = np.bincount(labels.ravel())[1:]
    return np.asarray(labels == 1 + int(sizes.argmax()))


def _convex_hull_of_largest(inside: Mask) -> Mask:
    from skimage.morphology import convex_hull_image

    hull: Mask = convex_hull_image(_largest_component(inside))  # type: ignore[no-untyped-call]
    return hull
