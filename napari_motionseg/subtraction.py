"""Keep the old import path of `cine.mask_subtraction` for users' programs."""

from __future__ import annotations

from napari_motionseg.cine.mask_subtraction import subtract_masks as subtracted

__all__ = ["subtracted"]
