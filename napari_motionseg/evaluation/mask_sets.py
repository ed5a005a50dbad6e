"""Read sets of single pictures with masks: folders, COCO annotations, or an npz."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from napari_motionseg.errors import LabelError
from napari_motionseg.evaluation.coco_masks import read_coco

PICTURES = (".png", ".pgm", ".tif", ".tiff", ".bmp", ".jpg", ".jpeg")
# DCA1 names the mask of 1.pgm 1_gt.pgm, in the same folder; XCAD uses equal names
MASK_ENDINGS = ("", "_gt", "_mask")

Picture = NDArray[Any]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class MaskedPicture:
    """A picture with a manual mask.

    Parameters
    ----------
    name
        Name for tables, such as the name of the file.
    group
        Patient, or the picture itself if the patient is unknown. Intervals resample
        groups.
    image
        Picture ``(H, W)`` as unsigned integers, with dark vessels.
    mask
        Vessel mask ``(H, W)`` bool.
    field
        Manual field of view ``(H, W)`` bool; None if there is none.
    """

    name: str
    group: str
    image: Picture
    mask: Mask
    field: Mask | None = None


def read_mask_set(images: Path, masks: Path) -> list[MaskedPicture]:
    """Read pictures with their masks.

    Parameters
    ----------
    images
        Path of a folder of pictures (PNG, PGM, TIFF, BMP, JPEG), or of an ``.npz`` with
        ``images`` ``(N, H, W)``, ``masks`` ``(N, H, W)`` or packed to bits along rows
        ``(N, H, ceil(W / 8))``, and optionally ``groups`` ``(N,)`` and ``fields`` like
        masks.
    masks
        Path of the folder of masks, which may be the same; the mask of ``a.png`` is the
        file ``a``, ``a_gt`` or ``a_mask`` with any of these suffixes. A ``.json`` file
        holds COCO annotations of the pictures; see `read_coco`. For an npz, the same
        path again.

    Raises
    ------
    LabelError
        If a file is missing, cannot be read, or does not fit its picture.
    """
    for path in (images, masks):
        if not path.exists():
            raise LabelError(f"{path}: there is no such folder or file")
    if images.suffix == ".npz":
        return _from_npz(images, masks)
    if images.is_dir() and masks.suffix == ".json":
        return _from_coco(images, masks)
    if not (images.is_dir() and masks.is_dir()):
        raise LabelError(
            f"{images}, {masks}: give two folders of pictures, a folder and COCO "
            "annotations (.json), or an npz"
        )
    return _from_folders(images, masks)


def _from_npz(images: Path, masks: Path) -> list[MaskedPicture]:
    pictures = _array(images, "images")
    if pictures.ndim != 3:
        raise LabelError(f"{images}: images must be (N, H, W); got {pictures.shape}")
    drawn = _unpacked(_array(masks, "masks"), pictures.shape, f"{masks}: masks")
    fields = _optional(images, "fields")
    seen = None
    if fields is not None:
        seen = _unpacked(fields, pictures.shape, f"{images}: fields")
    groups = _optional(images, "groups")
    if groups is None:
        groups = np.arange(len(pictures))
    if groups.shape != (len(pictures),):
        raise LabelError(
            f"{images}: groups must have one entry for each of {len(pictures)} "
            f"pictures; got shape {groups.shape}"
        )
    return [
        MaskedPicture(
            f"{images.stem}-{n}", str(groups[n]), pictures[n], drawn[n],
            None if seen is None else seen[n],
        )
        for n in range(len(pictures))
    ]  # fmt: skip


def _array(path: Path, name: str) -> NDArray[Any]:
    found = _optional(path, name)
    if found is None:
        raise LabelError(f"{path}: must hold an array {name!r}; it has none")
    return found


def _optional(path: Path, name: str) -> NDArray[Any] | None:
    try:
        with np.load(path, allow_pickle=False) as file:
            return np.asarray(file[name]) if name in file.files else None
    except (OSError, ValueError, EOFError) as error:
        raise LabelError(f"{path}: cannot be read as npz ({error})") from error


def _unpacked(array: NDArray[Any], shape: tuple[int, ...], what: str) -> Mask:
    """Convert bool, numbers, or bits packed along rows to bool of `shape`."""
    packed = (*shape[:2], -(-shape[2] // 8))
    if array.shape == packed and array.dtype == np.uint8 and packed != shape:
        return np.unpackbits(array, axis=-1, count=shape[2]).astype(bool)
    if array.shape != shape:
        raise LabelError(
            f"{what} must have the shape of the images, {shape}, or packed to bits "
            f"{packed}; got {array.shape} {array.dtype}"
        )
    return np.asarray(array != 0)


def _from_folders(images: Path, masks: Path) -> list[MaskedPicture]:
    known = {path.stem: path for path in _pictures(masks)}
    # masks that lie beside their pictures are not pictures themselves
    taken = {s for s in known if any(s.endswith(e) for e in MASK_ENDINGS[1:])}
    found, missing = [], []
    for path in _pictures(images):
        if images == masks and path.stem in taken:
            continue
        endings = MASK_ENDINGS[1:] if images == masks else MASK_ENDINGS
        drawn = [known[path.stem + e] for e in endings if path.stem + e in known]
        if not drawn:
            missing.append(path.name)
            continue
        found.append(_pair(path, drawn[0]))
    if missing or not found:
        names = ", ".join(missing[:3]) or "any picture"
        raise LabelError(
            f"{masks}: the mask of {names} is missing ({len(missing)} missing); a "
            f"mask has the picture's name, or adds {' or '.join(MASK_ENDINGS[1:])} to "
            "it"
        )
    return found


def _from_coco(images: Path, annotations: Path) -> list[MaskedPicture]:
    found = []
    for name, mask in read_coco(annotations).items():
        image = _gray(_beside(images, name, annotations))
        if image.shape != mask.shape:
            raise LabelError(
                f"{annotations}: the outlines of {name} are for {mask.shape} pixels; "
                f"the picture has {image.shape}"
            )
        found.append(MaskedPicture(Path(name).stem, Path(name).stem, image, mask))
    if not found:
        raise LabelError(f"{annotations}: names no picture")
    return found


def _beside(folder: Path, name: str, annotations: Path) -> Path:
    """Return a picture's path; its name from a file must not lead out of the folder."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
        raise LabelError(f"{annotations}: {name!r} is not in the folder {folder}")
    return path


def _pictures(folder: Path) -> Sequence[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURES)


def _pair(picture: Path, drawn: Path) -> MaskedPicture:
    image, mask = _gray(picture), _gray(drawn)
    if image.shape != mask.shape:
        raise LabelError(
            f"{drawn}: the mask has {mask.shape} pixels, its picture {picture.name} "
            f"{image.shape}"
        )
    # JPEG leaves small values around a mask, so half of the largest is the threshold
    return MaskedPicture(
        picture.stem, picture.stem, image, mask > mask.max(initial=1) / 2
    )


def _gray(path: Path) -> Picture:
    try:
        with Image.open(path) as file:
            deep = file.mode.startswith("I") or file.mode == "F"
            picture = np.asarray(file if deep else file.convert("L"))
    except (OSError, UnidentifiedImageError) as error:
        raise LabelError(f"{path}: cannot be read as a picture ({error})") from error
    if deep:
        return picture.clip(0, 65535).astype(np.uint16)
    return picture
