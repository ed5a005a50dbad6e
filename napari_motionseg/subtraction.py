"""Keep the first path of `cine.mask_subtraction`, which programs of others import."""

from __future__ import annotations

from napari_motionseg.cine.mask_subtraction import subtract_masks as subtracted

__all__ = ["subtracted"]
