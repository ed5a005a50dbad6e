"""Make synthetic test sets that are fixed by seed and hash before any training."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from napari_motionseg.errors import SettingsError
from napari_motionseg.evaluation.mask_sets import MaskedPicture
from napari_motionseg.registry import unknown_name
from napari_motionseg.synthesis import Stills, SynthesisConfig, training_stills
from napari_motionseg.synthesis.camera import CameraConfig, photograph
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.kinds import draw_any
from napari_motionseg.training.masks.settings import varied_angiograms

# far from the seeds of all trainings, which are derived from the seed of the run
SEED = 91_000_000
# conditions of the day the sets were frozen; training uses more kinds of lines now
FROZEN_CAMERA = CameraConfig(lines=0.7, kinds=("catheter", "wire", "cable", "plates"))
OTHER_TERRITORIES = ("cerebral", "renal", "leg", "iliac")
STILLS_PER_SCENE = 2  # as in `training_stills`; pictures of a scene are one group


def frozen_set(name: str, count: int, size: int = 512) -> list[MaskedPicture]:
    """Return a synthetic test set; the same name, count and size give the same set.

    Parameters
    ----------
    name
        ``"quiet"``: outlined frames of the generator of version c60b695, like the
        training data of its network. ``"exact"``: frames of the default configuration,
        with complete masks. ``"outlined"``: the same frames with the masks that people
        would outline, see `Moment.outlined`. ``"cameras"``: outlined frames under all
        conditions of `CameraConfig`. ``"empty"``: frames under the same conditions with
        devices but without contrast agent, whose masks are empty. ``"catheters"``:
        frames under the same conditions, with the masks of their catheters instead of
        their vessels. ``"cerebral"``, ``"renal"``, ``"leg"``, ``"iliac"``: outlined
        frames of these territories, which no network that ships was trained on.
    count
        Number of pictures.
    size
        Side of a picture in px.

    Raises
    ------
    SettingsError
        If the set is unknown.
    """
    if name not in FROZEN_SETS:
        raise SettingsError(unknown_name("set", name, FROZEN_SETS))
    pictures, masks = FROZEN_SETS[name](count, size)
    return [
        MaskedPicture(
            f"{name}-{n}",
            str(n // STILLS_PER_SCENE),
            (pictures[n] * 255).round().to(torch.uint8).numpy(),
            (masks[n] > 0.5).numpy(),
        )
        for n in range(count)
    ]


def set_hash(pictures: Sequence[MaskedPicture]) -> str:
    """Return the SHA-256 of all pixels of pictures and masks, as hexadecimal digits."""
    digest = hashlib.sha256()
    for one in pictures:
        for array in (one.image, one.mask):
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _quiet(count: int, size: int) -> tuple[Tensor, Tensor]:
    stills = training_stills(count, size, SEED, varied_angiograms())
    return stills.pictures, stills.masks


def _exact(
    count: int, size: int, part: str = "masks", preset: str = ""
) -> tuple[Tensor, Tensor]:
    usual = SynthesisConfig.preset(preset) if preset else SynthesisConfig()
    config = usual.changed(size=size, bolus=False)
    draws = Draws(torch.Generator().manual_seed(SEED + 1), torch.device("cpu"))
    noise = torch.Generator().manual_seed(SEED + 2)
    parts = []
    for _ in range(-(-count // STILLS_PER_SCENE)):
        scenes = draw_any(config, 1, draws)
        for _ in range(STILLS_PER_SCENE):
            moment = scenes.at(draws.uniform(1, 0.0, 1.6))
            parts.append((moment.frames(noise), getattr(moment, part)))
    pictures, masks = (torch.cat(part)[:count] for part in zip(*parts, strict=True))
    return pictures, masks


def _cameras(count: int, size: int) -> tuple[Tensor, Tensor]:
    stills = training_stills(count, size, SEED + 3, _frozen_angiograms())
    generator = torch.Generator().manual_seed(SEED + 4)
    pictures, masks = _photographed(stills, generator)
    return pictures, masks[:, 0]


def _catheters(count: int, size: int) -> tuple[Tensor, Tensor]:
    synthesis = _frozen_angiograms().changed(
        tortuosity=(0.1, 1.8), taper=(0.35, 0.95), side_branches=(0.25, 1.0),
        vessel_size=(0.6, 2.2), catheter_density=(0.2, 1.3), catheter=1.0,
    )  # fmt: skip
    stills = training_stills(count, size, SEED + 7, synthesis)
    generator = torch.Generator().manual_seed(SEED + 8)
    pictures, masks = _photographed(stills, generator)
    return pictures, masks[:, 1]


def _frozen_angiograms() -> SynthesisConfig:
    """Return the ranges of the day the sets were frozen; training uses others now."""
    return varied_angiograms().changed(
        noise=(0.0, 0.3),
        blur=(0.4, 1.2),
        tortuosity=(0.1, 1.6),
        vessel_size=(0.6, 2.0),
        opacity=(0.2, 0.9),
        jpeg=(100.0, 100.0),
    )


def _photographed(stills: Stills, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    masks = torch.stack((stills.masks, stills.catheters), dim=1).float()
    return photograph(stills.pictures, masks, FROZEN_CAMERA, generator)


def _empty(count: int, size: int) -> tuple[Tensor, Tensor]:
    # with the least opacity, vessels are invisible while devices remain visible
    synthesis = _frozen_angiograms().changed(
        opacity=(0.0, 0.0), blush=(0.0, 0.0), reflux=(0.0, 0.0)
    )
    stills = training_stills(count, size, SEED + 5, synthesis)
    generator = torch.Generator().manual_seed(SEED + 6)
    pictures, _ = _photographed(stills, generator)
    return pictures, torch.zeros(stills.masks.shape)


FROZEN_SETS: Mapping[str, Callable[[int, int], tuple[Tensor, Tensor]]] = (
    MappingProxyType(
        {
            "quiet": _quiet,
            "exact": _exact,
            "outlined": partial(_exact, part="outlined"),
            "cameras": _cameras,
            "empty": _empty,
            "catheters": _catheters,
            **{
                name: partial(_exact, part="outlined", preset=f"xa-{name}")
                for name in OTHER_TERRITORIES
            },
        }
    )
)
