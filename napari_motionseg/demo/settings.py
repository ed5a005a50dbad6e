"""What the demo does."""

from __future__ import annotations

from dataclasses import dataclass

from napari_motionseg.errors import SettingsError

LEAST_SIZE = 64


@dataclass(frozen=True)
class DemoSettings:
    """Settings of the demo; the defaults take two cores less than four minutes.

    Parameters
    ----------
    size
        Rows and columns of the loop.
    frames
        Frames of the loop.
    pretrain_steps, finetune_steps
        Steps of the two trainings.
    width
        Of the U-Net.
    flow_method
        A name in `motion.ESTIMATORS`.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ...
    seed
        Of everything random.

    Raises
    ------
    SettingsError
        If a value is too small.
    """

    size: int = 256
    frames: int = 20
    pretrain_steps: int = 120
    finetune_steps: int = 300
    width: int = 16
    flow_method: str = "pwcnet"
    device: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        least = {"size": LEAST_SIZE, "frames": 4}
        least |= {"pretrain_steps": 1, "finetune_steps": 1, "width": 1, "seed": 0}
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise SettingsError(
                    f"{name} must be at least {bound}; got {getattr(self, name)}"
                )
