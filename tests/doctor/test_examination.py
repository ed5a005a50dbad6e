"""An examination goes on after a part that fails, and its text is fit to be pasted."""

import json
from pathlib import Path

import pytest

from napari_motionseg.doctor import PARTS, Examination, Finding, examine_job
from napari_motionseg.doctor import examination as module
from napari_motionseg.errors import SettingsError
from napari_motionseg.jobs import run
from napari_motionseg.text import as_json

OK = Finding("numpy", "2.4")
NOTE = Finding("nibabel", "not installed", "note", "pip install it")
BROKEN = Finding("torch", "1.0; needs >=2", "broken", "pip install torch")


def test_the_text_marks_what_is_broken_and_what_to_do():
    found = Examination({"versions": (OK, NOTE, BROKEN), "space": (OK,)})
    text = "\n".join(found.lines())
    assert "!! torch    1.0; needs >=2\n            -> pip install torch" in text
    assert " - nibabel  not installed" in text
    assert found.verdict() == "Broken (1): torch. See the lines with !! above."
    assert found.broken == (BROKEN,)


def test_a_note_is_not_broken():
    assert Examination({"versions": (OK, NOTE)}).verdict() == "Nothing is broken."


def test_the_row_is_json():
    row = Examination({"versions": (OK, BROKEN)}).row()
    read = json.loads(as_json(row))
    assert read["broken"] == 1
    assert read["parts"]["versions"][1]["remedy"] == "pip install torch"


def yields_then_fails():
    yield OK
    raise OSError("libcudart.so: cannot open")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (f"{__name__}:no_such_function", "no_such_function"),
        ("napari_motionseg.no_such_module:f", "no_such_module"),
    ],
)
def test_a_part_that_cannot_be_imported_is_a_finding(monkeypatch, target, words):
    monkeypatch.setattr(module, "PARTS", {"odd": target, "space": PARTS["space"]})
    found = run(examine_job(["odd", "space"]))
    (finding,) = found.parts["odd"]
    assert finding.state == "broken"
    assert words in finding.value
    assert found.parts["space"][0].name == "memory"


def test_what_was_found_before_a_failure_is_kept(monkeypatch):
    class Module:
        space_findings = staticmethod(yields_then_fails)

    monkeypatch.setattr(module, "import_module", lambda name: Module)
    found = run(examine_job(["space"])).parts["space"]
    assert found[0] == OK
    assert found[1].state == "broken"
    assert "libcudart" in found[1].value


def test_no_path_names_the_user(monkeypatch, tmp_path):
    home = tmp_path / "jane"
    home.mkdir()
    monkeypatch.setattr(Path, "home", lambda: home)
    monkeypatch.setenv("MOTIONSEG_CACHE", str(home / "cache"))
    text = "\n".join(run(examine_job(["space"])).lines())
    assert "~" in text
    assert "jane" not in text


def test_an_unknown_part_is_refused():
    with pytest.raises(SettingsError, match="unknown part 'brain'; choices: versions"):
        run(examine_job(["brain"]))


def test_progress_names_each_part():
    seen = []
    run(examine_job(["decoders", "space"]), seen.append)
    assert [progress.message for progress in seen] == ["decoders", "space", "done"]
