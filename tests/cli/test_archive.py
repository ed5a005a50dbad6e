"""`motionseg archive` finds, gets and puts, and keeps patients to itself."""

import json

import pytest
import typer
from helpers import dicom_files as files
from helpers import seg_loops
from helpers.web_archive import serving


@pytest.fixture
def web(tmp_path, monkeypatch):
    """An archive with one loop, which the environment names."""
    with serving() as archive:
        archive.add(files.save(seg_loops.dataset(PatientID="ID7"), tmp_path / "x.dcm"))
        monkeypatch.setenv("MOTIONSEG_DICOMWEB", archive.address)
        yield archive


@pytest.fixture
def ring(monkeypatch):
    """A keyring in memory."""
    import keyring

    kept = {}
    monkeypatch.setattr(keyring, "get_password", lambda *key: kept.get(key))
    monkeypatch.setattr(
        keyring, "set_password", lambda a, b, text: kept.update({(a, b): text})
    )
    monkeypatch.setattr(keyring, "delete_password", lambda *key: kept.pop(key))
    return kept


def test_a_loop_is_found_got_segmented_and_sent_back(motionseg, web, tmp_path):
    answer = motionseg("archive", "find", "--patient", "ID7", "--json")
    assert answer.code == 0, answer.err
    (row,) = answer.rows
    assert (row["modality"], row["instances"]) == ("XA", 1)
    answer = motionseg(
        "archive", "get", "--series", row["series"], "--out", tmp_path / "o", "--json"
    )
    assert answer.code == 0, answer.err
    (got,) = answer.rows
    (path,) = got["files"]
    assert motionseg("info", path).code == 0
    capture = tmp_path / "seg.dcm"
    answer = motionseg(
        "export", path, "--masks", _masks(tmp_path), "--out", capture, "--json"
    )
    assert answer.code == 0, answer.err
    answer = motionseg("archive", "put", capture, "--json")
    assert answer.code == 0, answer.err
    assert answer.rows[0]["study"] == row["study"]
    assert len(web.objects) == 2
    assert (
        motionseg("archive", "get", "--patient", "ID7", "--out", tmp_path / "o").code
        == 0
    )


def _masks(tmp_path):
    import numpy as np

    masks, labelled = seg_loops.masks()
    np.savez(tmp_path / "masks.npz", labels=masks, labelled=labelled)
    return tmp_path / "masks.npz"


def test_patients_are_shown_if_asked(motionseg, web):
    for words, shown in (((), False), (("--phi",), True)):
        for form in ((), ("--json",)):
            answer = motionseg("archive", "find", *words, *form)
            assert answer.code == 0
            assert ("ID7" in answer.out) == shown, (words, form)


def test_no_match_is_a_note_of_find_and_an_error_of_get(motionseg, web, tmp_path):
    answer = motionseg("archive", "find", "--patient", "nobody")
    assert (answer.code, answer.out) == (0, "")
    assert "no series matches" in answer.err
    answer = motionseg("archive", "get", "--patient", "nobody", "--out", tmp_path / "o")
    assert answer.code == 2
    assert "no series matches" in answer.err
    assert not (tmp_path / "o").exists()


def test_all_patients_are_not_got_by_mistake(motionseg, web, tmp_path):
    answer = motionseg("archive", "get", "--out", tmp_path / "o")
    assert answer.code == 2
    assert "say what to get" in answer.err
    assert not web.requests


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (
            ("find", "--archive", "https://no-such-host.invalid"),
            1,
            "no computer of this",
        ),
        (("find", "--archive", "http://pacs.example"), 2, "in the clear"),
        (("find", "--date", "soon"), 2, "give a day"),
        (("put", "no-such-file.dcm"), 2, "no such file"),
        (("find", "--ca", "no-such.pem"), 2, "no such file of certificates"),
    ],
)
def test_bad_input_ends_with_one_line(motionseg, web, words, code, said):
    answer = motionseg("archive", *words)
    assert answer.code == code
    assert said in answer.err
    assert len(answer.err.strip().splitlines()) == 1


def test_a_password_is_tried_before_it_is_kept(motionseg, web, ring, monkeypatch):
    monkeypatch.setattr(typer, "prompt", lambda *_, **__: "s3cret")
    web.fault = lambda handler: not handler.answer(401)
    answer = motionseg("archive", "login", "--user", "me")
    assert answer.code == 1
    assert not ring
    web.fault = lambda handler: False
    answer = motionseg("archive", "login", "--user", "me")
    assert answer.code == 0, answer.err
    assert list(ring.values()) == ["me:s3cret"]
    assert "s3cret" not in answer.out + answer.err
    web.requests.clear()
    motionseg("archive", "find")
    assert web.requests[0][1]["Authorization"].startswith("Basic ")
    assert motionseg("archive", "logout").code == 0
    assert not ring


def test_without_an_archive_the_variable_is_named(motionseg, monkeypatch):
    monkeypatch.delenv("MOTIONSEG_DICOMWEB", raising=False)
    answer = motionseg("archive", "find")
    assert answer.code == 2
    assert "MOTIONSEG_DICOMWEB" in answer.err


def test_json_holds_all_that_get_and_put_need(motionseg, web):
    (row,) = motionseg("archive", "find", "--json").rows
    assert json.dumps(row)
    assert {"study", "series"} <= row.keys()
