"""Define the shape of the light propagation network, without loading torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from napari_motionseg.errors import SettingsError
from napari_motionseg.models.unet_config import UNetConfig


@dataclass(frozen=True)
class LightPropagationConfig:
    """Shape of the light propagation network.

    Parameters
    ----------
    width
        Number of channels of the cells' state.
    fine
        Number of channels of the features between cells and pixels, and at pixels.
    rounds
        Number of times that all propagation nets are applied.
    strides
        Strides of the propagation nets in cells; the paper's best are {1, 2, 4}.
    cell
        Side of a cell in px, 8 as in the paper.
    bins
        Odd number C of bins of an axis of flow.
    limit
        Bound in px to which each component of flow is clipped.
    encoder
        Shape of the U-Net that encodes the picture; its depth is at least 4, because
        features of three of its levels are used.

    Raises
    ------
    SettingsError
        If a value is out of range.
    """

    width: int = 48
    fine: int = 32
    rounds: int = 4
    strides: tuple[int, ...] = (1, 2, 4)
    cell: int = 8
    bins: int = 25
    limit: float = 24.0
    encoder: UNetConfig = field(default_factory=lambda: UNetConfig(flat_field=True))

    def __post_init__(self) -> None:
        object.__setattr__(self, "strides", tuple(self.strides))
        if isinstance(self.encoder, dict):  # from the header of a checkpoint
            object.__setattr__(self, "encoder", UNetConfig(**self.encoder))
        for name in ("width", "fine", "rounds"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise SettingsError(f"{name} must be a positive integer; got {value!r}")
        if self.cell != 8:
            raise SettingsError(f"cell must be 8 px; got {self.cell}")
        if not self.strides or any(
            not isinstance(stride, int) or stride < 1 for stride in self.strides
        ):
            raise SettingsError(
                f"strides must be one or more positive integers; got {self.strides}"
            )
        if not isinstance(self.bins, int) or self.bins < 3 or self.bins % 2 == 0:
            raise SettingsError(
                f"bins must be an odd integer of at least 3; got {self.bins!r}"
            )
        if not 0 < self.limit < 1e4:
            raise SettingsError(f"limit must be positive; got {self.limit}")
        if self.encoder.head != "decoder" or self.encoder.depth < 4:
            raise SettingsError(
                "encoder must be a U-Net with a decoder and a depth of at least 4"
            )
