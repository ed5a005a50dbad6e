"""Settings of the training of a propagation network, and its recipes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from napari_motionseg.errors import SettingsError
from napari_motionseg.synthesis import SynthesisConfig
from napari_motionseg.synthesis.camera import CameraConfig
from napari_motionseg.training.engine.recipes import find_recipe
from napari_motionseg.training.engine.settings import (
    TrainingSettings,
    at_least,
    one_of,
)
from napari_motionseg.training.masks.settings import noiseless_angiograms

Network = Literal["light", "resnet50"]
Labels = Literal["shared", "nearest"]
CROP_MULTIPLE = 16  # the U-Net halves its input four times


@dataclass(frozen=True)
class PropagationTrainingSettings:
    """Settings of propagation training; the defaults are the recipe ``"clicks"``.

    Parameters
    ----------
    network
        ``"light"`` is the network for clicks; ``"resnet50"`` is the paper's layout.
    labels
        How flow becomes bins: ``"shared"`` divides each vector between its two nearest
        bins, so that a mean of bins is exact; ``"nearest"`` takes one bin, as the paper
        does.
    squared
        Weight of the squared error of the expected flow, as share of the motion's
        largest speed, that is added to the cross entropy of its classes.
    freeze_encoder
        Whether the image encoder keeps the weights that the training starts from. It is
        then as good as where they were learnt, and a step takes half the time.
    batch
        Number of pictures in a step.
    motions
        Number of motions of each picture in a step. The picture is encoded once for
        all.
    pixels
        Number of pixels of each motion on which the loss is computed.
    crop
        Side of the pictures that the network sees, in pixels; a multiple of 16.
    zoom
        Range of the side of a window in the frame, in units of `crop`. The window is
        then resized to `crop`.
    click_share, scene_share
        Shares of the motions that clicks tell, and that are the scene's own motion. The
        rest moves every part by itself.
    layer_share
        Share of the blocks of frames that show textured shapes instead of angiograms.
    still_size
        Side of the synthetic frames, in pixels.
    pool_size
        Number of frames in memory, rounded up to whole blocks.
    block
        Number of frames that are made at once.
    refresh_every
        Number of steps after which the oldest block is renewed; 0 never renews.
    camera
        Simulated camera for each picture: grain, field of view, devices, storage.
    held_out
        Number of frames that are never trained on, for the final measures.
    synthesis
        Ranges of the synthetic angiograms; None is the preset ``"xa-coronary"``.
    training
        Settings of the training loop: steps, rate, schedule, precision, device, seed.

    Raises
    ------
    SettingsError
        If a value is out of range.
    """

    network: Network = "light"
    labels: Labels = "shared"
    squared: float = 10.0
    freeze_encoder: bool = False
    batch: int = 4
    motions: int = 4
    pixels: int = 2048
    crop: int = 192
    zoom: tuple[float, float] = (0.5, 2.0)
    click_share: float = 0.55
    scene_share: float = 0.3
    layer_share: float = 0.125
    still_size: int = 512
    pool_size: int = 128
    block: int = 8
    refresh_every: int = 40
    camera: CameraConfig = field(default_factory=CameraConfig)
    held_out: int = 16
    synthesis: SynthesisConfig | None = field(default_factory=noiseless_angiograms)
    training: TrainingSettings = field(
        default_factory=lambda: TrainingSettings(
            steps=6000,
            learning_rate=1e-3,
            schedule="one-cycle",
            weight_decay=1e-4,
            clip_norm=3.0,
            checkpoint_every=100,
            preview_every=200,
        )
    )

    def __post_init__(self) -> None:
        for name in ("batch", "motions", "pixels", "pool_size", "block", "held_out"):
            at_least(self, name, 1)
        for name in (
            "refresh_every",
            "squared",
            "click_share",
            "scene_share",
            "layer_share",
        ):
            at_least(self, name, 0)
        if self.click_share + self.scene_share > 1 or self.layer_share > 1:
            raise SettingsError(
                "click_share plus scene_share and layer_share must be at most 1; got "
                f"{self.click_share} + {self.scene_share} and {self.layer_share}"
            )
        one_of(self, "network", get_args(Network))
        one_of(self, "labels", get_args(Labels))
        if self.crop < 2 * CROP_MULTIPLE or self.crop % CROP_MULTIPLE:
            raise SettingsError(
                f"crop must be a multiple of {CROP_MULTIPLE} pixels, at least "
                f"{2 * CROP_MULTIPLE}; got {self.crop}"
            )
        low, high = self.zoom
        if not 0 < low <= high:
            raise SettingsError(f"zoom must be 0 < low <= high; got {self.zoom}")
        if self.crop * high > self.still_size:
            raise SettingsError(
                f"still_size must be at least crop times the largest zoom "
                f"({self.crop} x {high:g}); got {self.still_size}"
            )

    @classmethod
    def recipe(cls, name: str) -> PropagationTrainingSettings:
        """Return the settings of a named recipe.

        Parameters
        ----------
        name
            ``"clicks"``: the light network, for clicks and arrows. ``"paper"``: the
            layout, the bins and the guidance of Zhan et al. (2019), trained on the
            motion of the scenes.

        Raises
        ------
        SettingsError
            If there is no such recipe.
        """
        return find_recipe(name, {"clicks": lambda: cls(), "paper": cls._paper})

    @classmethod
    def _paper(cls) -> PropagationTrainingSettings:
        return cls(
            network="resnet50",
            labels="nearest",
            squared=0.0,
            click_share=0.0,
            scene_share=1.0,
            motions=1,
            crop=384,
            zoom=(1.0, 1.0),
            pixels=384 * 384,
            training=TrainingSettings(
                steps=42_000, learning_rate=1e-3, schedule="one-cycle",
                weight_decay=1e-4, clip_norm=3.0, preview_every=200,
            ),
        )  # fmt: skip
