"""List the named configurations of the synthesis: by name, the fields that differ."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

# organs that do not beat, and have none of the devices that lie on a chest
STILL: Mapping[str, Any] = MappingProxyType(
    {
        "heart_size": (0.92, 1.08),
        "vessel_size": (0.9, 1.3),
        "heart_motion": (0.0, 0.08),
        "second_tree": 0.0,
        "leads": 0.0,
        "wires": 0.0,
        "silhouettes": (0.0, 0.0),
    }
)
# many loops are subtracted, so the background may be nearly empty
HEAD: Mapping[str, Any] = MappingProxyType(
    {
        "tortuosity": (0.15, 0.55),
        "taper": (0.92, 1.0),
        "side_branches": (0.7, 1.0),
        "stenoses": 0.06,
        "breathing": (0.0, 0.03),
        "table_pan": (0.0, 2.0),
        "opacity": (0.6, 1.4),
        "blush": (0.0, 0.06),
        "reflux": (0.0, 0.0),
        "tissue": (0.0, 0.9),
        "bones": (0.0, 0.5),
        "catheter": 0.9,
        "catheter_density": (0.4, 1.0),
        "electrodes": 0.08,
        "stents": 0.02,
        "collimator": 0.5,
        "contrast": (0.35, 0.7),
    }
)
BELLY: Mapping[str, Any] = MappingProxyType(
    {
        "tortuosity": (0.1, 0.5),
        "taper": (0.85, 0.95),
        "side_branches": (0.7, 1.0),
        "stenoses": 0.08,
        "breathing": (0.0, 1.4),
        "table_pan": (0.0, 3.0),
        "opacity": (0.4, 1.0),
        "blush": (0.0, 0.6),
        "reflux": (0.0, 0.4),
        "tissue": (0.1, 1.1),
        "bones": (0.0, 1.0),
        "catheter": 0.95,
        "catheter_density": (0.35, 0.9),
        "electrodes": 0.1,
        "stents": 0.08,
        "collimator": 0.6,
        "contrast": (0.25, 0.5),
    }
)
LIMB: Mapping[str, Any] = MappingProxyType(
    {
        "tortuosity": (0.05, 0.45),
        "taper": (0.8, 0.95),
        "side_branches": (0.6, 1.0),
        "stenoses": 0.3,
        "breathing": (0.0, 0.02),
        "table_pan": (0.0, 6.0),
        "opacity": (0.45, 1.1),
        "blush": (0.0, 0.02),
        "reflux": (0.0, 0.0),
        "tissue": (0.0, 0.7),
        "bones": (0.0, 0.7),
        "catheter": 0.5,
        "catheter_density": (0.35, 0.9),
        "electrodes": 0.0,
        "stents": 0.12,
        "collimator": 0.5,
        "contrast": (0.3, 0.6),
    }
)
PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "xa-coronary": MappingProxyType(
            {
                "heart_motion": (0.2, 1.2),
                "breathing": (0.0, 1.5),
                "table_pan": (0.0, 40.0),
                "opacity": (0.2, 1.0),
                "noise": (0.0, 1.6),
                "tortuosity": (0.05, 1.0),
            }
        ),
        "xa-cerebral": MappingProxyType({"anatomy": "cerebral", **STILL, **HEAD}),
        "xa-renal": MappingProxyType({"anatomy": "renal", **STILL, **BELLY}),
        "xa-leg": MappingProxyType({"anatomy": "leg", **STILL, **LIMB}),
        "xa-iliac": MappingProxyType(
            {"anatomy": "iliac", **STILL, **LIMB, "bones": (0.0, 0.0)}
        ),
        "generic-layers": MappingProxyType(
            {
                "scene": "layers",
                "heart_motion": (0.2, 1.5),
                "contrast": (0.3, 0.6),
                "noise": (0.0, 1.5),
            }
        ),
        "rotating-cube": MappingProxyType(
            {
                "scene": "cube",
                "heart_motion": (0.8, 1.2),
                "contrast": (0.4, 0.6),
                "collimator": 0.0,
                "noise": (0.0, 0.3),
            }
        ),
    }
)
