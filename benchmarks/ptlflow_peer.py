"""ptlflow's PWC-Net, without what ptlflow needs besides: as it is, but for its frame.

Only its frame is replaced (trainer, registry, resizing, losses), none of which takes
part in a pair of 512 x 512. ptlflow must be installed, its dependencies need not be.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path

import torch
from torch import nn


class Frame(nn.Module):
    """What `ptlflow.models.base_model.BaseModel` is to a network while it estimates."""

    def __init__(self, **_: object) -> None:
        super().__init__()

    def preprocess_images(self, images: torch.Tensor, bgr_to_rgb: bool, **_: object):
        # sides are multiples of 64 already; channels are turned as ptlflow does
        return images.flip(2) if bgr_to_rgb else images, None

    def postprocess_predictions(self, flow: torch.Tensor, *_: object, **__: object):
        return flow


def ptlflow_pwcnet() -> nn.Module | None:
    """Return ptlflow's `pwcnet` with random weights; None if it is not installed."""
    found = importlib.util.find_spec("ptlflow")
    if found is None or not found.submodule_search_locations:
        return None
    root = Path(next(iter(found.submodule_search_locations)))
    modules = {
        "ptlflow": _package(root),
        "ptlflow.models": _package(root / "models"),
        "ptlflow.models.pwcnet": _package(root / "models" / "pwcnet"),
        "ptlflow.models.base_model": _package(root / "models" / "base_model"),
        "ptlflow.models.base_model.base_model": _module(BaseModel=Frame),
        "ptlflow.models.flownet": _package(root / "models" / "flownet"),
        "ptlflow.models.flownet.losses": _module(MultiScale=lambda **_: None),
        "ptlflow.utils": _package(root / "utils"),
        "ptlflow.utils.registry": _module(register_model=_same, trainable=_same),
    }
    if importlib.util.find_spec("einops") is None:
        modules["einops"] = _module(rearrange=None)  # of a layer that is not used
    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    try:
        from ptlflow.models.pwcnet.pwcnet import pwcnet

        return pwcnet().eval()
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def _package(folder: Path) -> types.ModuleType:
    package = types.ModuleType(folder.name)
    package.__path__ = [str(folder)]
    return package


def _module(**contents: object) -> types.ModuleType:
    module = types.ModuleType("stub")
    module.__dict__.update(contents)
    return module


def _same(model: type) -> type:
    return model
