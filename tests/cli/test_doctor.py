"""`motionseg doctor`: exit code, text to paste, JSON; no self-test where not wanted."""

import pytest

from napari_motionseg.doctor import Examination, Finding, examination

BROKEN = Finding("torch", "1.0", "broken", "pip install torch")


@pytest.fixture
def few_parts(monkeypatch):
    """Leave out parts that take seconds."""
    parts = {name: examination.PARTS[name] for name in ("versions", "space")}
    monkeypatch.setattr("napari_motionseg.doctor.PARTS", parts)


def test_a_healthy_installation(motionseg, few_parts):
    answer = motionseg("doctor")
    assert answer.code == 0
    assert answer.out.startswith("motionseg doctor, napari-motionseg ")
    assert answer.out.rstrip().endswith("Nothing is broken.")
    (row,) = motionseg("doctor", "--json").rows
    assert row["broken"] == 0
    assert list(row["parts"]) == ["versions", "space"]


def test_something_broken_is_exit_code_1(motionseg, monkeypatch, few_parts):
    def examined(parts):
        yield from ()
        return Examination({"versions": (BROKEN,)})

    monkeypatch.setattr("napari_motionseg.doctor.examine_job", examined)
    answer = motionseg("doctor")
    assert answer.code == 1
    assert "-> pip install torch" in answer.out


def test_quick_leaves_out_the_self_test(motionseg, monkeypatch):
    asked = []

    def examined(parts):
        asked.append(list(parts))
        yield from ()
        return Examination({})

    monkeypatch.setattr("napari_motionseg.doctor.examine_job", examined)
    motionseg("doctor", "--quick")
    motionseg("doctor")
    assert "self-test" not in asked[0]
    assert "self-test" in asked[1]
