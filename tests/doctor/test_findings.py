"""No path in a finding names the user."""

import getpass
from pathlib import Path

import pytest

from napari_motionseg.doctor.findings import without_user


@pytest.fixture
def jane(monkeypatch):
    """The home folder and the name of another user."""
    monkeypatch.setattr(Path, "home", lambda: Path("/home/jane"))
    monkeypatch.setattr(getpass, "getuser", lambda: "jane")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/jane/.cache/x", "~/.cache/x"),
        ("/home/jane", "~"),
        ("at /home/jane: full", "at ~: full"),
        ("/home/janet/data", "/home/janet/data"),
        ("/scratch/jane/venv/bin/python", "/scratch/USER/venv/bin/python"),
        ("/scratch/jane", "/scratch/USER"),
        ("/data/janes-disk", "/data/janes-disk"),
        ("jane is 3.11", "jane is 3.11"),
        (r"D:\jane\venv", r"D:\USER\venv"),
    ],
)
def test_paths_do_not_name_the_user(jane, text, shown):
    assert without_user(text) == shown


def test_a_user_without_a_name_is_no_failure(monkeypatch):
    def nobody():
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert without_user("/scratch/x") == "/scratch/x"


def test_a_home_at_the_root_hides_nothing(monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: Path("/"))
    assert without_user("/opt/venv") == "/opt/venv"
