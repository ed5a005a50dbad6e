"""The window: no Qt and no screen are notes; a Qt that dies is broken."""

import subprocess
from types import SimpleNamespace

import pytest

from napari_motionseg.doctor import window_check as window
from napari_motionseg.doctor.window_check import judge_opengl, window_findings

FACTS = {"version": "4.5", "renderer": "llvmpipe", "texture": 16384}


@pytest.fixture
def screen(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":7")
    monkeypatch.setattr(window, "find_spec", lambda name: name == "PySide6")


def answer(monkeypatch, *, out="", err="", code=0):
    done = SimpleNamespace(stdout=out, stderr=err, returncode=code)
    monkeypatch.setattr(subprocess, "run", lambda *given, **named: done)
    return {finding.name: finding for finding in window_findings()}


def test_without_a_binding_there_is_no_window_and_nothing_is_broken(monkeypatch):
    monkeypatch.setattr(window, "find_spec", lambda name: None)
    found = {finding.name: finding for finding in window_findings()}
    assert found["qt"].state == "note"
    assert "napari-motionseg[all]" in found["qt"].remedy
    assert "opengl" not in found
    assert found["plugin"].state == "ok"


def test_without_a_screen_opengl_is_not_asked(monkeypatch, screen):
    monkeypatch.setattr(window.sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(subprocess, "run", None)
    found = {finding.name: finding for finding in window_findings()}
    assert found["opengl"].state == "note"


def test_a_qt_that_dies_is_broken_and_its_last_words_are_told(monkeypatch, screen):
    found = answer(monkeypatch, err="qt.qpa.plugin:\nCould not load xcb\n", code=-6)
    assert found["opengl"].state == "broken"
    assert "exit code -6: Could not load xcb" in found["opengl"].value
    assert "system_libraries.sh" in found["opengl"].remedy


def test_words_of_drivers_before_the_answer_are_passed_over(monkeypatch, screen):
    line = '{"version": "4.5", "renderer": "llvmpipe", "texture": 16384}'
    found = answer(monkeypatch, out=f"MESA: warning\n{line}\n")
    assert found["opengl"].state == "ok"
    assert found["qt"].value == "PySide6"


def test_a_qt_that_hangs_is_broken(monkeypatch, screen):
    def hangs(*given, **named):
        raise subprocess.TimeoutExpired("python", 60)

    monkeypatch.setattr(subprocess, "run", hangs)
    found = {finding.name: finding for finding in window_findings()}
    assert found["opengl"].state == "broken"


@pytest.mark.parametrize("texture", [0, None, 1024])
def test_textures_too_small_for_a_frame_are_broken(texture):
    assert judge_opengl({**FACTS, "texture": texture}).state == "broken"
    assert judge_opengl(FACTS).state == "ok"
