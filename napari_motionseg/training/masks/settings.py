"""Settings of mask training, and its recipes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from napari_motionseg.errors import SettingsError
from napari_motionseg.models import UNetConfig
from napari_motionseg.synthesis import SynthesisConfig
from napari_motionseg.synthesis.camera import CameraConfig
from napari_motionseg.synthesis.lines import LineKind
from napari_motionseg.training.engine.recipes import find_recipe
from napari_motionseg.training.engine.settings import (
    TrainingSettings,
    at_least,
    one_of,
)

CROP_MULTIPLE = 16  # a U-Net halves its input four times
# px: range of the longer side in which vessels have the widths of the training
LEAST_SIDE, LARGEST_SIDE = 448, 640
CATHETER_SIDE = 256  # px: side at which a whole picture fits into a window
Finds = Literal["vessels", "catheters"]
# shafts are as frequent as they are because a catheter must be told from all others
CATHETER_KINDS: tuple[LineKind, ...] = (
    "shaft", "shaft", "catheter", "wire", "cable", "plates", "spine",
)  # fmt: skip


def varied_angiograms() -> SynthesisConfig:
    """Return ranges of angiograms that are more varied than real loops.

    They contain thin, faint vessels before busy backgrounds, and more devices. A
    network mistakes structures that it has not seen in training for vessels.
    """
    return SynthesisConfig.preset(
        "xa-coronary",
        tissue=(0.5, 2.2),
        bones=(0.0, 2.0),
        silhouettes=(0.3, 3.0),
        catheter=0.9,
        leads=0.3,
        wires=0.3,
        electrodes=0.3,
        stents=0.3,
        opacity=(0.15, 0.9),
        vessel_size=(0.6, 1.6),
        noise=(0.2, 1.6),
        blur=(0.6, 1.6),
    )


def noiseless_angiograms() -> SynthesisConfig:
    """Return varied angiograms with little noise, for a camera that adds its own.

    Noise belongs to the picture and not to the anatomy, so it is added after zooming.
    Vessels taper more and branch less than in `varied_angiograms`. Most are smooth, so
    that a smooth line is no sign of a catheter; some wind in short waves.
    """
    return varied_angiograms().changed(
        noise=(0.0, 0.3),
        blur=(0.4, 1.2),
        tortuosity=(0.05, 1.0),
        corkscrews=0.35,
        taper=(0.35, 0.95),
        side_branches=(0.25, 1.0),
        vessel_size=(0.6, 2.2),
        opacity=(0.2, 0.9),
        jpeg=(100.0, 100.0),
        catheter_density=(0.2, 1.3),
    )


def in_coronary_anatomy(config: SynthesisConfig) -> SynthesisConfig:
    """Return ranges of angiograms whose vessels are named coronary segments.

    Parameters
    ----------
    config
        Ranges of everything else.
    """
    return config.changed(
        anatomy="coronary",
        heart_size=(0.9, 1.5),
        vessel_size=(0.65, 1.5),
        tortuosity=(0.05, 1.2),
        corkscrews=0.1,
        taper=(0.55, 0.95),
        side_branches=(0.3, 1.0),
    )


@dataclass(frozen=True)
class MaskTrainingSettings:
    """Settings of mask training; the defaults are the recipe ``"cameras"``.

    Parameters
    ----------
    batch
        Number of windows in a step.
    crop
        Side of the windows that the network sees, in pixels; a multiple of 16.
    zoom
        Range of the side of a window in the picture, in units of `crop`. The window is
        then resized to `crop`, which makes vessels wider or thinner.
    still_size
        Side of the synthetic frames, in pixels.
    pool_size
        Number of frames in memory, rounded up to whole blocks.
    block
        Number of frames that are made at once.
    refresh_every
        Number of steps after which the oldest block is renewed; 0 never renews.
    jitter
        Strength of random changes of gray values if `camera` is None; 0 makes none.
    camera
        Simulated camera for each window: noise, field of view, devices, storage. None
        uses the frames as they are, with gray values changed by `jitter`.
    catheter_weight
        Weight of pixels and overlap of catheters in the loss, where vessels have 1. It
        is below 1 because a filled catheter and a smooth vessel often look alike, and a
        missing vessel is worse.
    kept
        Share of the weights of a start that the result keeps, 0 to 1; see
        `blend_with_start`. Without a start, it must be 0.
    teacher_share
        Share of a teacher's vessels in the vessels that are learnt, 0 to 1; see
        `Teacher`. Without a teacher, it means nothing.
    held_out
        Number of frames that are never trained on, for the final Dice.
    finds
        ``"vessels"``, or ``"catheters"`` for a network that tells catheters beside one
        that finds vessels; see `CatheterNet`.
    network
        Configuration of a network that is trained from scratch. A network that tells
        catheters has its octaves and sides even if it starts from another one.
    synthesis
        Ranges of the synthetic angiograms. Where there are several, each makes an equal
        share of the frames.
    training
        Settings of the training loop: steps, rate, schedule, precision, device, seed.

    Raises
    ------
    SettingsError
        If a value is out of range.
    """

    batch: int = 4
    crop: int = 256
    zoom: tuple[float, float] = (0.5, 2.0)
    still_size: int = 512
    pool_size: int = 192
    block: int = 16
    refresh_every: int = 40
    jitter: float = 1.0
    camera: CameraConfig | None = field(default_factory=CameraConfig)
    catheter_weight: float = 0.3
    kept: float = 0.0
    teacher_share: float = 0.7
    held_out: int = 24
    finds: Finds = "vessels"
    network: UNetConfig = field(
        default_factory=lambda: UNetConfig(
            flat_field=True, octaves=2, least_side=LEAST_SIDE, largest_side=LARGEST_SIDE
        )
    )
    synthesis: tuple[SynthesisConfig, ...] = field(
        default_factory=lambda: (noiseless_angiograms(),)
    )
    training: TrainingSettings = field(
        default_factory=lambda: TrainingSettings(
            steps=6000,
            learning_rate=2e-3,
            schedule="one-cycle",
            weight_decay=1e-4,
            clip_norm=3.0,
            checkpoint_every=100,
            preview_every=200,
        )
    )

    def __post_init__(self) -> None:
        for name in ("batch", "pool_size", "block", "held_out"):
            at_least(self, name, 1)
        if not self.synthesis:
            raise SettingsError("synthesis must name at least one kind of angiograms")
        for name in ("refresh_every", "jitter", "catheter_weight"):
            at_least(self, name, 0)
        if self.crop < CROP_MULTIPLE or self.crop % CROP_MULTIPLE:
            raise SettingsError(
                f"crop must be a multiple of {CROP_MULTIPLE} pixels; got {self.crop}"
            )
        for name in ("kept", "teacher_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise SettingsError(f"{name} must be 0 to 1; got {getattr(self, name)}")
        one_of(self, "finds", get_args(Finds))
        low, high = self.zoom
        if not 0 < low <= high:
            raise SettingsError(f"zoom must be 0 < low <= high; got {self.zoom}")
        if self.crop * high > self.still_size:
            raise SettingsError(
                f"still_size must be at least crop times the largest zoom "
                f"({self.crop} x {high:g}); got {self.still_size}"
            )

    @classmethod
    def recipe(cls, name: str) -> MaskTrainingSettings:
        """Return the settings of a named recipe.

        Parameters
        ----------
        name
            ``"cameras"``: pictures of many simulated cameras and consoles, with vessels
            from thin to very wide. ``"coronary"``: the same pictures with the named
            segments of the coronary tree, in usual projections. ``"mixed"``: half of
            the pictures from each of these two. ``"quiet"``: nearly noiseless pictures
            that fill the frame, as all weights up to version c60b695 were trained on.
            ``"catheters"``: nearly whole pictures at a side of 256 px with more
            catheters, for a network that tells catheters.

        Raises
        ------
        SettingsError
            If there is no such recipe.
        """
        return find_recipe(
            name,
            {
                "cameras": lambda: cls(),
                "coronary": cls._coronary,
                "mixed": cls._mixed,
                "quiet": cls._quiet,
                "catheters": cls._catheters,
            },
        )

    @classmethod
    def _coronary(cls) -> MaskTrainingSettings:
        return cls(synthesis=(in_coronary_anatomy(noiseless_angiograms()),))

    @classmethod
    def _mixed(cls) -> MaskTrainingSettings:
        generic = noiseless_angiograms()
        return cls(synthesis=(generic, in_coronary_anatomy(generic)))

    @classmethod
    def _quiet(cls) -> MaskTrainingSettings:
        return cls(synthesis=(varied_angiograms(),), camera=None, zoom=(0.8, 1.6))

    @classmethod
    def _catheters(cls) -> MaskTrainingSettings:
        generic = noiseless_angiograms().changed(catheter=0.95)
        side = CATHETER_SIDE
        return cls(
            crop=CATHETER_SIDE,
            zoom=(1.5, 2.0),
            camera=CameraConfig(lines=1.3, kinds=CATHETER_KINDS),
            catheter_weight=1.0,
            finds="catheters",
            network=UNetConfig(flat_field=True, least_side=side, largest_side=side),
            synthesis=(generic, in_coronary_anatomy(generic)),
        )
