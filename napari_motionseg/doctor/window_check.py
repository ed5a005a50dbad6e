"""Say whether napari's window can be opened here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from napari_motionseg.doctor.findings import Finding

TIMEOUT_S = 60.0  # a cold start of Qt on a busy computer; a warm one takes a second
BINDINGS = ("PyQt6", "PySide6", "PyQt5", "PySide2")
# napari draws a loop as a texture; smaller ones cannot hold a frame of a flat detector
LEAST_TEXTURE = 2048
WINDOW_REMEDY = "pip install 'napari-motionseg[all]'"
LIBRARIES_REMEDY = (
    "on Debian or Ubuntu, scripts/system_libraries.sh of the repository installs the "
    "system libraries that Qt needs; over a remote desktop, try LIBGL_ALWAYS_SOFTWARE=1"
)


def window_findings() -> Iterator[Finding]:
    """Yield the plugin, the Qt binding and the version of OpenGL."""
    yield _plugin()
    binding = next((name for name in BINDINGS if find_spec(name)), None)
    if binding is None:
        yield Finding("qt", "no Qt binding: there is no window", "note", WINDOW_REMEDY)
        return
    yield Finding("qt", binding)
    if not _has_screen():
        words = "no screen: neither DISPLAY nor WAYLAND_DISPLAY is set"
        yield Finding("opengl", words, "note", "xvfb-run -a motionseg doctor")
        return
    yield _opengl()


def _plugin() -> Finding:
    """Return whether napari will find this package."""
    from importlib.metadata import entry_points

    known = entry_points(group="napari.manifest", name="napari-motionseg")
    if known:
        return Finding("plugin", "napari lists it")
    return Finding("plugin", "not registered", "broken", "install the package with pip")


def _has_screen() -> bool:
    if sys.platform in ("win32", "darwin"):
        return True
    names = ("DISPLAY", "WAYLAND_DISPLAY")
    offscreen = os.environ.get("QT_QPA_PLATFORM", "").startswith("offscreen")
    return offscreen or any(os.environ.get(name) for name in names)


def _opengl() -> Finding:
    """Ask a process of its own: Qt ends the process when it finds no screen."""
    command = [sys.executable, "-m", "napari_motionseg.widgets.common.opengl_facts"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        words = f"no answer within {TIMEOUT_S:.0f} s"
        return Finding("opengl", words, "broken", LIBRARIES_REMEDY)
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        reason = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        words = f"Qt ended with exit code {done.returncode}: {reason}"
        return Finding("opengl", words, "broken", LIBRARIES_REMEDY)
    return judge_opengl(json.loads(lines[-1]))


def judge_opengl(facts: dict[str, Any]) -> Finding:
    """Return whether an OpenGL is good enough for napari.

    Parameters
    ----------
    facts
        Version, renderer and largest texture, as `widgets.common.opengl_facts` prints
        them.
    """
    texture = int(facts.get("texture") or 0)
    words = f"{facts.get('version')}, {facts.get('renderer')}, textures of {texture} px"
    if texture < LEAST_TEXTURE:
        return Finding("opengl", words, "broken", LIBRARIES_REMEDY)
    return Finding("opengl", words)
