"""List the territories whose segments have names, by anatomy."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from napari_motionseg.synthesis.cerebral_territory import CEREBRAL
from napari_motionseg.synthesis.config import SynthesisConfig
from napari_motionseg.synthesis.coronary_territory import CORONARY
from napari_motionseg.synthesis.iliac_territory import ILIAC
from napari_motionseg.synthesis.leg_territory import LEG
from napari_motionseg.synthesis.renal_territory import RENAL
from napari_motionseg.synthesis.territory import Territory

TERRITORIES: Mapping[str, Territory] = MappingProxyType(
    {
        "coronary": CORONARY,
        "cerebral": CEREBRAL,
        "renal": RENAL,
        "leg": LEG,
        "iliac": ILIAC,
    }
)
PX_PER_MM = 5.0  # of generic vessels, in a picture of 512 px


def territory_of(config: SynthesisConfig) -> Territory | None:
    """Return the territory of a configuration's anatomy, None for generic vessels."""
    return TERRITORIES.get(config.anatomy)


def px_per_mm(config: SynthesisConfig) -> float:
    """Return the px of a mm at the isocentre, in a picture of 512 px."""
    territory = territory_of(config)
    return PX_PER_MM if territory is None else territory.px_per_mm


def spacing_mm(config: SynthesisConfig) -> float:
    """Return the size in mm, at the isocentre, of a px of a configuration's loops."""
    return 1 / px_per_mm(config) / config.scale
