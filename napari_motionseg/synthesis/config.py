"""Define the ranges from which a seed draws a synthetic angiogram."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args

from napari_motionseg.errors import SettingsError
from napari_motionseg.registry import unknown_name
from napari_motionseg.synthesis.presets import PRESETS

Range = tuple[float, float]
Tree = Literal["left", "right", "any"]
Dominance = Literal["left", "right", "any"]
Intensity = Literal["log", "linear", "any"]
SceneKind = Literal["angiogram", "layers", "cube"]
Anatomy = Literal["generic", "coronary", "cerebral", "renal", "leg", "iliac"]
SMALLEST_SIDE = 48  # px; vessels are too thin on smaller pictures
REFERENCE_SIDE = 512  # px: lengths of a scene refer to a picture of this side


@dataclass(frozen=True)
class SynthesisConfig:
    """Size of a synthetic loop, and the ranges from which a seed draws its content.

    Every pair of numbers is a range from which each scene draws one value. Lengths and
    speeds are in px of a picture of 512 px; everything scales with `size`.

    Parameters
    ----------
    scene
        ``"angiogram"``, ``"layers"`` (textured shapes that move over each other) or
        ``"cube"`` (a rotating cube). The latter two use only size, times,
        `heart_motion` and the imaging.
    size
        Side in px, or rows and columns; at least 48 each.
    frames
        Number of frames of the loop, at least 1.
    frame_rate
        Frames per second, 1 to 120; hospitals use 7.5, 10, 15 and 30.
    tree, dominance
        Coronary tree, or side of the body, that is injected with contrast agent, and
        which of the two coronary trees supplies the back of the heart.
    anatomy
        ``"generic"``: branches that walk over an ellipsoid, seen from any side.
        ``"coronary"``: the named segments of `coronary_territory` with their usual
        courses, seen in the usual projections. ``"cerebral"``, ``"renal"``, ``"leg"``
        and ``"iliac"``: the same for other arteries; see `of_anatomy`.
    generations
        Number of branchings after the trunks, 0 to 5.
    heart_size
        Factor on the size of the heart, whose semi-axes are 160, 150 and 200 px, and
        185, 160 and 240 px in coronary anatomy. Other organs have their size at 1.
    vessel_size
        Factor on the radius of the first vessel, which is 5 to 8 px. Named vessels have
        their published diameters at 1.1; 1 px is 0.2 mm in coronary anatomy.
    tortuosity
        Bending of vessels: 0 is straight, 0.3 is usual, 1 gives corkscrews.
    corkscrews
        Share of vessels that wind in short waves towards their end.
    taper
        Radius at the end of a vessel divided by that at its start, apart from the
        steps at its branchings.
    side_branches
        Share of possible side branches that a tree has.
    stenoses
        Expected number of stenoses of a branch.
    second_tree
        Share of scenes in which the other tree is faintly filled too.
    view
        Whether the C-arm is turned; if not, it looks from the front.
    heart_rate_bpm
        Heart beats per minute, 20 to 250.
    heart_motion
        Factor on contraction, twist and shift of the heart. 0 is no motion; 1 moves a
        coronary artery by 5 to 25 px between two frames at 7.5 frames/s.
    breathing
        Factor on breathing, which moves diaphragm, ribs, heart and tissue differently.
    table_pan
        Speed of the table in px per second.
    opacity
        Absorbance of a filled vessel of 12 px diameter; 0.3 is faint, 1 is dense.
    bolus
        Whether contrast agent arrives during the loop; if not, vessels are always
        filled.
    streaming
        Unevenness of contrast along vessels: 0 is even, 1 gives separate clouds.
    blush
        Absorbance of the heart muscle, or of another organ, after contrast agent has
        passed the vessels.
    reflux
        Absorbance of contrast agent that flows back into the aorta.
    tissue, bones, silhouettes
        Factors on the absorbance of soft tissue, of spine and ribs, and of the edges of
        diaphragm, lung and heart; 0 removes them.
    catheter, leads, wires, electrodes, stents
        Share of scenes with a catheter, pacemaker leads, sternal wires or clips, ECG
        electrodes, stents or guide wires.
    catheter_density
        Absorbance of a catheter per px of path, in units of a filled vessel's. At 1 it
        is filled with contrast agent.
    collimator
        Share of scenes whose field of view is narrowed by collimator blades.
    intensity
        Whether gray values are the detected light or its logarithm.
    contrast
        Difference of gray, as share of full scale, for an absorbance of 1.
    noise
        Factor on quantum noise; 0 removes it.
    blur
        Standard deviation in px of the detector's blur.
    scatter
        Share of the light that is scattered.
    vignette
        Loss of light from the middle to the corners.
    sharpen
        Strength of edge enhancement.
    jpeg
        Quality of JPEG compression, 1 to 100; 100 is no compression.

    Raises
    ------
    SettingsError
        If a value is outside its range.
    """

    scene: SceneKind = "angiogram"
    size: int | tuple[int, int] = 512
    frames: int = 24
    frame_rate: float = 15.0
    tree: Tree = "any"
    dominance: Dominance = "any"
    anatomy: Anatomy = "generic"
    generations: int = 3
    heart_size: Range = (0.9, 1.5)
    vessel_size: Range = (0.7, 1.5)
    tortuosity: Range = (0.1, 0.8)
    corkscrews: float = 0.0
    taper: Range = (0.85, 0.85)
    side_branches: Range = (1.0, 1.0)
    stenoses: float = 0.25
    second_tree: float = 0.1
    view: bool = True
    heart_rate_bpm: Range = (50.0, 110.0)
    heart_motion: float | Range = (0.4, 1.1)
    breathing: float | Range = (0.0, 1.0)
    table_pan: Range = (0.0, 6.0)
    opacity: Range = (0.35, 0.9)
    bolus: bool = True
    streaming: Range = (0.0, 0.5)
    blush: Range = (0.0, 0.05)
    reflux: Range = (0.0, 0.4)
    tissue: Range = (0.5, 1.5)
    bones: Range = (0.0, 1.2)
    silhouettes: Range = (0.3, 1.3)
    catheter: float = 0.85
    catheter_density: Range = (0.25, 0.8)
    leads: float = 0.15
    wires: float = 0.15
    electrodes: float = 0.2
    stents: float = 0.2
    collimator: float = 0.75
    intensity: Intensity = "any"
    contrast: Range = (0.18, 0.4)
    noise: float | Range = (0.2, 1.2)
    blur: Range = (0.6, 1.2)
    scatter: Range = (0.05, 0.35)
    vignette: Range = (0.0, 0.4)
    sharpen: Range = (0.0, 0.6)
    jpeg: Range = (80.0, 98.0)

    def __post_init__(self) -> None:
        for side in self.shape:
            if not isinstance(side, int) or not SMALLEST_SIDE <= side <= 4096:
                raise SettingsError(
                    f"size must be {SMALLEST_SIDE} to 4096 px; got {self.size!r}"
                )
        for name, (low, high) in BOUNDS.items():
            self._within(name, low, high)
        for name, choices in CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                raise SettingsError(unknown_name(name, value, dict.fromkeys(choices)))

    @classmethod
    def preset(cls, name: str, **changes: Any) -> SynthesisConfig:
        """Return a named configuration.

        Parameters
        ----------
        name
            ``"xa-coronary"``: the defaults with wider ranges of motion, contrast and
            noise, for training. ``"xa-cerebral"``, ``"xa-renal"``, ``"xa-leg"`` and
            ``"xa-iliac"``: other arteries, before backgrounds from nearly subtracted
            to unsubtracted. ``"generic-layers"``: random textures and shapes
            similar to Flying Chairs, for pretraining. ``"rotating-cube"``: textured
            faces under an orthographic camera, the toy problem of S3-CNN.
        **changes
            Fields with other values, by name.

        Raises
        ------
        SettingsError
            If there is no such preset.
        """
        if name not in PRESETS:
            raise SettingsError(unknown_name("preset", name, PRESETS))
        return cls(**{**PRESETS[name], **changes})

    @classmethod
    def of_anatomy(cls, anatomy: str, **changes: Any) -> SynthesisConfig:
        """Return the ranges that suit an anatomy.

        Parameters
        ----------
        anatomy
            Name of an anatomy. If a preset is made for it, its ranges are taken, and
            else the defaults.
        **changes
            Fields with other values, by name.

        Raises
        ------
        SettingsError
            If there is no such anatomy.
        """
        made_for = {
            fields["anatomy"]: fields
            for fields in PRESETS.values()
            if "anatomy" in fields
        }
        ranges = made_for.get(anatomy, {})
        return cls(**{**ranges, "anatomy": anatomy, **changes})

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and columns."""
        if isinstance(self.size, tuple):
            return self.size
        return self.size, self.size

    @property
    def scale(self) -> float:
        """Pixels of this loop for one px of a picture of 512 px."""
        return min(self.shape) / REFERENCE_SIDE

    def changed(self, **changes: Any) -> SynthesisConfig:
        """Return a copy in which some fields have other values."""
        return dataclasses.replace(self, **changes)

    def _within(self, name: str, low: float, high: float) -> None:
        value = getattr(self, name)
        if isinstance(value, tuple):
            first, last = value
            if not low <= first <= last <= high:
                raise SettingsError(
                    f"{name} must be two rising values from {low} to {high}; got "
                    f"{value!r}"
                )
        elif not (math.isfinite(value) and low <= value <= high):
            raise SettingsError(f"{name} must be {low} to {high}; got {value!r}")


BOUNDS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "frames": (1, 10_000), "frame_rate": (1, 120), "generations": (0, 5),
        "heart_size": (0.3, 3), "vessel_size": (0.2, 4), "tortuosity": (0, 2),
        "corkscrews": (0, 1),
        "taper": (0.1, 1), "side_branches": (0, 1), "stenoses": (0, 5),
        "second_tree": (0, 1), "heart_rate_bpm": (20, 250),
        "heart_motion": (0, 3), "breathing": (0, 3), "table_pan": (0, 200),
        "opacity": (0, 3), "streaming": (0, 1), "blush": (0, 1), "reflux": (0, 2),
        "tissue": (0, 5), "bones": (0, 5), "silhouettes": (0, 5), "catheter": (0, 1),
        "catheter_density": (0, 3),
        "leads": (0, 1), "wires": (0, 1), "electrodes": (0, 1), "stents": (0, 1),
        "collimator": (0, 1), "contrast": (0.01, 2), "noise": (0, 10), "blur": (0, 10),
        "scatter": (0, 0.9), "vignette": (0, 1), "sharpen": (0, 3), "jpeg": (1, 100),
    }
)  # fmt: skip
CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "scene": get_args(SceneKind),
        "tree": get_args(Tree),
        "dominance": get_args(Dominance),
        "anatomy": get_args(Anatomy),
        "intensity": get_args(Intensity),
    }
)
