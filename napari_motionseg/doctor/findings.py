"""Describe what an examination finds, in words that suit a bug report."""

from __future__ import annotations

import getpass
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

State = Literal["ok", "note", "broken"]


@dataclass(frozen=True)
class Finding:
    """Result of one check.

    Parameters
    ----------
    name
        Name of what was checked, such as ``"torch"``.
    value
        Result in a few words.
    state
        ``"broken"`` if commands fail because of it, ``"note"`` if something optional
        is absent, else ``"ok"``.
    remedy
        Advice on what the user can do about it; empty if there is nothing to do.
    """

    name: str
    value: str
    state: State = "ok"
    remedy: str = ""


def without_user(text: str) -> str:
    """Return text in which no path names the user.

    The home folder becomes ``~``, and a folder elsewhere that is named like the user
    becomes ``USER``.

    Parameters
    ----------
    text
        Text that may hold paths.
    """
    home = str(Path.home())
    if len(home) > 1:
        text = re.sub(re.escape(home) + r"(?=[/\\]|\W|$)", "~", text)
    name = _user_name()
    folder = rf"(?<=[/\\]){re.escape(name)}(?=[/\\]|$)"
    return re.sub(folder, "USER", text) if name else text


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user may have no name
        return ""
