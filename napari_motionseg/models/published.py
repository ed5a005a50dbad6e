"""Read published PWC-Net weights, which use two naming schemes."""

from __future__ import annotations

import os
import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from napari_motionseg.errors import CheckpointError
from napari_motionseg.io.damage import DAMAGE
from napari_motionseg.io.regular_files import is_regular
from napari_motionseg.models.tensor_checks import check_tensor

NUMBER_WORDS = {"One": 1, "Two": 2, "Thr": 3, "Fou": 4, "Fiv": 5, "Six": 6}
# order of the three convolutions of a level; level 6 has a different one
PYRAMID_ORDER = dict.fromkeys(range(1, 6), ("a", "aa", "b")) | {6: ("aa", "a", "b")}
COARSEST = 6
UNUSED = re.compile(r"^deconv2\.")


def read_published_pwcnet(
    path: Path, expected: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Read a published ``.pth`` file, and rename its tensors for this package.

    Parameters
    ----------
    path
        Path of a pickled state dict, plain or under ``state_dict``; it is loaded only
        with ``weights_only=True``.
    expected
        Names and shapes of the expected tensors.

    Raises
    ------
    CheckpointError
        If the file cannot be read, or a tensor is missing, unknown or of another shape.
    """
    state = _read(path)
    renamed: dict[str, Tensor] = {}
    for key, tensor in state.items():
        name = rename(key)
        if name is None:
            raise CheckpointError(
                f"{path}: tensor {key!r} does not belong to PWC-Net; give PWC-Net "
                "weights"
            )
        if name:
            renamed[name] = tensor
    for name, wanted in expected.items():
        if name not in renamed:
            raise CheckpointError(f"{path}: the tensor for {name!r} is missing")
        check_tensor(path, name, renamed[name], wanted)
    return {name: renamed[name].float() for name in expected}


def rename(key: str) -> str | None:
    """Return this package's name of a published tensor.

    The name is empty for a tensor that the network never uses, None for an unknown one.
    """
    key = re.sub(r"(?<![A-Za-z])net(?=[A-Z])", "module", key.removeprefix("module."))
    if UNUSED.match(key):
        return ""
    for rule in (_original, _reimplementation):
        name = rule(key)
        if name is not None:
            return name
    return None


def _original(key: str) -> str | None:
    """Translate a name of the original release; None if it is unknown."""
    if found := re.match(r"^conv(\d)(aa|a|b)\.0\.(weight|bias)$", key):
        level, part, kind = int(found[1]), found[2], found[3]
        return f"features.levels.{level}.{PYRAMID_ORDER[level].index(part)}.0.{kind}"
    if found := re.match(r"^conv(\d)_(\d)\.0\.(weight|bias)$", key):
        return f"decoders.{found[1]}.dense.{found[2]}.0.{found[3]}"
    if found := re.match(r"^(predict_flow|deconv|upfeat)(\d)\.(weight|bias)$", key):
        part = {"predict_flow": "predict", "deconv": "upflow", "upfeat": "upfeat"}
        return f"decoders.{found[2]}.{part[found[1]]}.{found[3]}"
    if found := re.match(r"^dc_conv(\d)(\.0)?\.(weight|bias)$", key):
        inner = "" if found[1] == "7" else ".0"
        return f"context.{int(found[1]) - 1}{inner}.{found[3]}"
    return None


def _reimplementation(key: str) -> str | None:
    """Translate a name of the well-known re-implementation; None if it is unknown."""
    words = "|".join(NUMBER_WORDS)
    if found := re.match(
        rf"^moduleExtractor\.module({words})\.([024])\.(weight|bias)$", key
    ):
        level, place = NUMBER_WORDS[found[1]], int(found[2]) // 2
        return f"features.levels.{level}.{place}.0.{found[3]}"
    if found := re.match(
        rf"^module({words})\.module(One|Two|Thr|Fou|Fiv)\.0\.(weight|bias)$", key
    ):
        level, place = NUMBER_WORDS[found[1]], NUMBER_WORDS[found[2]] - 1
        return f"decoders.{level}.dense.{place}.0.{found[3]}"
    if found := re.match(rf"^module({words})\.moduleSix\.0\.(weight|bias)$", key):
        return f"decoders.{NUMBER_WORDS[found[1]]}.predict.{found[2]}"
    if found := re.match(
        rf"^module({words})\.module(Upflow|Upfeat)\.(weight|bias)$", key
    ):
        # stored with the level that uses it, but named after the level above
        level = NUMBER_WORDS[found[1]] + 1
        return f"decoders.{level}.{found[2].lower()}.{found[3]}"
    if found := re.match(r"^moduleRefiner\.moduleMain\.(\d+)\.(weight|bias)$", key):
        place = int(found[1]) // 2
        inner = "" if place == COARSEST else ".0"
        return f"context.{place}{inner}.{found[2]}"
    return None


def _read(path: Path) -> dict[str, Tensor]:
    if not is_regular(path):
        what = "there is no such file" if not os.path.lexists(path) else "is not a file"
        raise CheckpointError(f"{path}: {what}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about other versions of pickle
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path}: is damaged, or holds more than weights; such files are refused "
            "because loading them could run code"
        ) from error
    except (*DAMAGE, ImportError) as error:
        raise CheckpointError(f"{path}: cannot be read as weights: {error}") from error
    except MemoryError as error:
        raise CheckpointError(f"{path}: needs more memory than is free") from error
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict) or not all(
        isinstance(key, str) and isinstance(value, Tensor)
        for key, value in content.items()
    ):
        raise CheckpointError(f"{path}: does not hold a state dict of tensors")
    return content
