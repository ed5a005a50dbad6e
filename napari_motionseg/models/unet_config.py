"""Define the shape of a U-Net, without loading torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from napari_motionseg.errors import SettingsError
from napari_motionseg.registry import unknown_name

Head = Literal["decoder", "hypercolumn"]
Enlarging = Literal["learnt", "bilinear"]


@dataclass(frozen=True)
class UNetConfig:
    """Shape of a U-Net.

    Parameters
    ----------
    in_channels
        Number of channels of a frame.
    embedding_dim
        Length of the vector of each pixel; the paper uses 64.
    width
        Number of channels of the first level, doubled at each deeper level. The paper
        uses 64; 16 is suitable for a laptop.
    depth
        Number of times the resolution is halved.
    flat_field
        Whether the slow background is divided out before the first layer. A vessel
        darkens the background by a factor, so the logarithm of frame over background
        looks the same in front of spine and lung.
    head
        Part that turns encoder features into embeddings: ``"decoder"`` is the U-Net's
        own;
        ``"hypercolumn"`` is a `SparseHypercolumn` on all depths, as in Mahendran et al.
        (ACCV 2018), with the hidden width of that class.
    enlarging
        How the decoder doubles the resolution: ``"learnt"`` is the 2 x 2 step of the
        U-Net, ``"bilinear"`` interpolates. The learnt step has separate weights for its
        four pixels, so an embedding shows a pattern of period 2 (Odena et al. 2016,
        Deconvolution and checkerboard artifacts); the bilinear one does not.
    octaves
        Number of sizes at which the same layers process a frame, each half of the
        previous.
        The embedding of a pixel is the mean over the sizes. With 2, a wide vessel also
        appears as a narrow one, and the visible surroundings are twice as wide, for a
        quarter more work.

    familiar_noise
        Noise up to which frames stay unchanged: standard deviation as share of full
        scale.
        Noisier frames are blurred before the first layer until they are below it; see
        `adaptive_blur`. None leaves every frame unchanged.

    least_side, largest_side
        Range in px of the longer side of a picture. Smaller and larger pictures are
        enlarged or reduced before the network sees them; see `working_size`. 0 sets no
        bound.

    Raises
    ------
    SettingsError
        If a value is out of range, a head or enlarging is unknown, or a hypercolumn has
        octaves.
    """

    in_channels: int = 1
    embedding_dim: int = 64
    width: int = 16
    depth: int = 4
    flat_field: bool = False
    head: Head = "decoder"
    enlarging: Enlarging = "learnt"
    octaves: int = 1
    familiar_noise: float | None = None
    least_side: int = 0
    largest_side: int = 0

    def __post_init__(self) -> None:
        for name in ("in_channels", "embedding_dim", "width", "depth", "octaves"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise SettingsError(f"{name} must be a positive integer; got {value!r}")
        self._require_sides()
        for name in ("depth", "octaves"):
            if getattr(self, name) > 6:
                raise SettingsError(
                    f"{name} must be at most 6; got {getattr(self, name)}"
                )
        for name, known in (("head", Head), ("enlarging", Enlarging)):
            value, choices = getattr(self, name), dict.fromkeys(get_args(known))
            if value not in choices:
                raise SettingsError(unknown_name(name, value, choices))
        noise = self.familiar_noise
        if noise is not None and not 0 < noise <= 1:
            raise SettingsError(
                f"familiar_noise must be above 0 and at most 1, or None; got {noise!r}"
            )
        if self.head == "hypercolumn" and self.octaves > 1:
            raise SettingsError(
                "octaves must be 1 for a hypercolumn, which joins depths"
            )

    def _require_sides(self) -> None:
        """Raise an error unless the range of sides is one."""
        for name in ("least_side", "largest_side"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 0:
                raise SettingsError(f"{name} must be a length in px; got {value!r}")
        if 0 < self.largest_side < self.least_side:
            raise SettingsError(
                f"largest_side must be at least least_side; got {self.largest_side} "
                f"and {self.least_side}"
            )
