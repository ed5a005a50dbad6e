"""Define the settings of the demo."""

from __future__ import annotations

from dataclasses import dataclass

from napari_motionseg.errors import SettingsError

LEAST_SIZE = 64  # px: PWC-Net halves a picture six times


@dataclass(frozen=True)
class DemoSettings:
    """Settings of the demo; the defaults take less than three minutes on two cores.

    Parameters
    ----------
    size
        Number of rows and columns of the loop.
    frames
        Number of frames of the loop.
    pretrain_steps
        Optimizer steps of the training from motion.
    finetune_steps
        Optimizer steps of the training from the labelled frame; None for those of the
        recipe ``"quick"``.
    width
        Width of the U-Net that learns from motion; see `UNetConfig`.
    flow_method
        Name of a flow estimator, a key of `motion.ESTIMATORS`.
    device
        Name of the device: ``"auto"``, ``"cpu"``, ``"cuda"``, ...
    seed
        Seed of all random numbers.

    Raises
    ------
    SettingsError
        If a value is too small.
    """

    size: int = 256
    frames: int = 20
    pretrain_steps: int = 150
    finetune_steps: int | None = None
    width: int = 16
    flow_method: str = "pwcnet"
    device: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        least = {"size": LEAST_SIZE, "frames": 4}
        least |= {"pretrain_steps": 1, "finetune_steps": 1, "width": 1, "seed": 0}
        for name, bound in least.items():
            value = getattr(self, name)
            if value is not None and value < bound:
                raise SettingsError(f"{name} must be at least {bound}; got {value}")
