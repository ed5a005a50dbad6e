"""Requests have time limits, are repeated, verified and sent to nobody else."""

import base64
import shutil
import subprocess
import time

import pytest
from helpers import seg_loops
from helpers.web_archive import serving

from napari_motionseg.errors import ArchiveError
from napari_motionseg.io import archive_session
from napari_motionseg.io.archive_address import ArchiveSettings, Credentials
from napari_motionseg.io.archive_client import open_archive
from napari_motionseg.io.archive_search import Wanted, find_series, probe

SIGNED = base64.b64encode("mé:pä:ss".encode()).decode()


@pytest.fixture
def web():
    with serving() as archive:
        yield archive


@pytest.fixture
def search():
    """Ask for one study, impatiently."""

    def ask(address, **settings):
        limits = {"connect_s": 1, "answer_s": 0.3, "retries": 2, "backoff_s": 0.01}
        with open_archive(ArchiveSettings(address, **limits | settings)) as archive:
            probe(archive)

    return ask


def answering(status, kind="application/dicom+json", content=b"[]", **headers):
    def fault(handler):
        handler.answer(status, kind, content, **headers)
        return True

    return fault


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (answering(401), "asks who you are.*login"),
        (answering(403), "does not permit"),
        (answering(404), "does not know this address"),
        (answering(418), "refuses .418"),
        (answering(500), "cannot answer at present"),
        (answering(200, "text/html; charset=x", b"<html>"), r"web page \(HTML\)"),
        (answering(200, content=b"not json"), "is not DICOM JSON"),
        (answering(200, content=b'{"error": 1}'), "no list of matches"),
        (answering(200, content=b"[1]"), "no list of matches"),
        (answering(200, content=b'"x"'), "no list of matches"),
        (answering(302, Location="https://evil.example/x"), "another address, https://e"),
        (answering(302, Location="/dicom-web/studies"), "without end"),
        (lambda handler: handler.drop() or True, "stopped in the middle|cannot be re"),
        (answering(200, Content_Encoding="gzip", content=b"no gzip"), "middle of its"),
    ],
)  # fmt: skip
def test_each_failure_is_told_in_its_words(web, search, fault, words):
    web.fault = fault
    with pytest.raises(ArchiveError, match=words) as told:
        search(web.address)
    assert str(told.value).startswith(web.address)


def test_an_empty_answer_is_no_match(web):
    web.fault = answering(204, content=b"")
    with open_archive(ArchiveSettings(web.address)) as archive:
        assert find_series(archive, Wanted()) == []


def test_a_silent_archive_is_left_after_a_while(web, search):
    web.fault = lambda handler: time.sleep(0.4) or handler.drop() or True
    with pytest.raises(ArchiveError, match=r"sent nothing for 0\.2 s"):
        search(web.address, answer_s=0.2, retries=0)


def test_an_answer_that_drips_is_left_after_a_while(web, search):
    def drip(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "application/dicom+json")
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        try:
            for _ in range(40):
                handler.wfile.write(b" ")
                time.sleep(0.05)
        except OSError:
            pass
        handler.drop()
        return True

    web.fault = drip
    with pytest.raises(ArchiveError, match=r"not complete after 0\.4 s"):
        search(web.address, answer_s=0.1)


def test_an_endless_list_is_refused(web, search, monkeypatch):
    monkeypatch.setattr(archive_session, "MOST_LISTED_BYTES", 1000)
    web.fault = answering(200, content=b"[" + b" " * 5000 + b"]")
    with pytest.raises(ArchiveError, match="larger than"):
        search(web.address)


def test_a_closed_port_and_an_unknown_name_are_told_apart(search):
    with serving() as web:
        gone = web.address
    with pytest.raises(ArchiveError, match="cannot be reached .*refused"):
        search(gone)
    with pytest.raises(ArchiveError, match="no computer of this name"):
        search("https://no-such-host.invalid/dicom-web", retries=0)


def test_a_busy_archive_is_asked_again(web, search):
    def busy(handler):
        if len(web.requests) > 2:
            return False
        handler.answer(503, Retry_After="3600")
        return True

    web.fault = busy
    search(web.address)
    assert len(web.requests) == 3


@pytest.mark.parametrize(
    ("known", "header"),
    [
        (Credentials("pä:ss", "mé"), f"Basic {SIGNED}"),
        (Credentials("to.ken"), "Bearer to.ken"),
        (None, None),
    ],
)  # fmt: skip
def test_requests_are_signed(web, search, known, header, monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login x password y")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    search(web.address, credentials=known)
    assert web.requests[0][1].get("Authorization") == header


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for this computer, which vouches for itself."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


def test_a_certificate_is_verified(certificate, search, tmp_path, monkeypatch):
    with serving(certificate) as web:
        with pytest.raises(ArchiveError, match="certificate cannot be verified.*--ca"):
            search(web.address)
        search(web.address, ca=certificate[0])
        other = tmp_path / "other.pem"
        shutil.copy(certificate[1], other)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other))
        search(web.address, ca=certificate[0])


def test_a_password_is_in_no_message(web, search):
    web.fault = answering(401)
    with pytest.raises(ArchiveError) as told:
        search(web.address, credentials=Credentials("s3cret", "me"))
    assert "s3cret" not in f"{told.value!r}{told.value.__cause__!r}"


def test_a_study_is_found_under_a_longer_root(web, tmp_path):
    seg_loops.loop(tmp_path)
    web.add(tmp_path / "loop.dcm")
    with open_archive(ArchiveSettings(web.address + "/")) as archive:
        assert len(find_series(archive, Wanted())) == 1
