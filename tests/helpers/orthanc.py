"""A real Orthanc with its DICOMweb plugin on this computer, and a small client."""

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from email import message_from_bytes
from pathlib import Path

import pytest
from helpers import dicom_tools

PLUGINS = ("usr/lib/orthanc", "usr/share/orthanc/plugins")
START_S = 60
BOUNDARY = "motionseg-boundary"


def plugin():
    """Path of the DICOMweb plugin; the test is skipped where there is none."""
    places = [dicom_tools.root() / part for part in PLUGINS]
    places += [Path("/") / part for part in PLUGINS]
    found = (path for place in places for path in place.glob("libOrthancDicomWeb.so*"))
    path = next((path for path in found if path.is_file()), None)
    if path is None:
        pytest.skip("Orthanc's DICOMweb plugin is not installed (orthanc-dicomweb)")
    return path


@contextmanager
def running(folder, users=None):
    """Start Orthanc with an empty store in a folder, and stop it in the end.

    It asks for a password if there are `users` with one each.
    """
    program = dicom_tools.find("Orthanc")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "Name": "test", "HttpPort": port, "HttpBindAddresses": ["127.0.0.1"],
        "RemoteAccessAllowed": False, "AuthenticationEnabled": bool(users),
        "RegisteredUsers": users or {},
        "DicomServerEnabled": False, "StorageDirectory": str(folder / "store"),
        "IndexDirectory": str(folder / "store"), "Plugins": [str(plugin())],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }  # fmt: skip
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with (folder / "orthanc.log").open("w") as log:
        process = subprocess.Popen(
            [program, str(folder / "orthanc.json")], stdout=log, stderr=log,
            env=dicom_tools.environment(program), cwd=folder,
        )  # fmt: skip
        try:
            yield _ready(f"http://127.0.0.1:{port}/dicom-web", process)
        finally:
            process.terminate()
            process.wait(START_S)
            shutil.rmtree(folder / "store", ignore_errors=True)


def _ready(address, process):
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        try:
            get(address, "/studies")
            return address
        except urllib.error.HTTPError:
            return address  # it asks for a password
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise RuntimeError(f"Orthanc did not start (exit code {process.poll()})")


def get(address, path, accept="application/dicom+json"):
    """Type and content of an answer."""
    request = urllib.request.Request(address + path, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=START_S) as answer:
        return answer.headers["Content-Type"], answer.read()


def query(address, path):
    """What QIDO-RS answers, a dictionary for each match."""
    return json.loads(get(address, path)[1])


def store(address, *files):
    """Send files by STOW-RS; return what is answered."""
    parts = [
        b"--%s\r\nContent-Type: application/dicom\r\n\r\n%s\r\n"
        % (BOUNDARY.encode(), path.read_bytes())
        for path in files
    ]
    body = b"".join(parts) + b"--%s--\r\n" % BOUNDARY.encode()
    kind = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
    request = urllib.request.Request(
        f"{address}/studies", data=body, method="POST",
        headers={"Content-Type": kind, "Accept": "application/dicom+json"},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=START_S) as answer:
        return json.loads(answer.read())


def retrieve(address, path):
    """Bytes of each object that WADO-RS sends, in the syntax that is stored."""
    accept = 'multipart/related; type="application/dicom"; transfer-syntax=*'
    kind, content = get(address, path, accept)
    message = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + content)
    return [part.get_payload(decode=True) for part in message.get_payload()]
