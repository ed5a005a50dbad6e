"""A small DICOMweb archive on this computer that can be made to fail."""

import io
import json
import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from pydicom import dcmread

BOUNDARY = b"a-boundary"
KIND = f'multipart/related; type="application/dicom"; boundary="{BOUNDARY.decode()}"'
ROOT = "/dicom-web"
KEYS = ("PatientID", "StudyDate", "StudyInstanceUID", "SeriesInstanceUID",
        "SOPInstanceUID")  # fmt: skip


class WebArchive:
    """Objects in memory, and what happens to requests.

    `fault` is called with the handler of each request, after which the usual answer is
    left out if it returns True. `page` is the most rows of an answer; `promised` is the
    number of objects that each series is said to have; `decodes` whether escapes of a
    question are understood.
    """

    def __init__(self):
        self.objects, self.requests = {}, []
        self.fault = lambda handler: False
        self.page, self.promised, self.ignores_offset = 10**6, None, False
        self.address, self.decodes = "", True

    def add(self, *paths):
        for path in paths:
            self.keep(path.read_bytes())

    def keep(self, content):
        data = dcmread(io.BytesIO(content), stop_before_pixels=True, force=True)
        uids = data.StudyInstanceUID, data.SeriesInstanceUID, data.SOPInstanceUID
        self.objects[uids] = data, content
        return data

    def rows(self, level, uids, query):
        """Matches of a search as DICOM JSON."""
        found = {}
        for key, (data, _) in self.objects.items():
            if key[: len(uids)] != uids:
                continue
            if not all(_matches(data, k, v) for k, v in query.items() if k in KEYS):
                continue
            found.setdefault(key[: level + 1], []).append(data)
        return [self._row(level, group) for group in found.values()]

    def _row(self, level, group):
        names = [
            ("StudyInstanceUID", "PatientID", "PatientName", "StudyDate", "StudyTime"),
            ("SeriesInstanceUID", "Modality", "SeriesDescription"),
            ("SOPInstanceUID", "SOPClassUID", "NumberOfFrames"),
        ]
        row = {}
        for name in sum(names[: level + 1], ()):
            if name in group[0]:
                element = group[0][name]
                tag = f"{int(element.tag):08X}"
                row[tag] = json.loads(group[0].to_json())[tag]
        if level == 1:
            count = len(group) if self.promised is None else self.promised
            row["00201209"] = {"vr": "IS", "Value": [count]}
        return row


def _matches(data, keyword, value):
    own = str(data.get(keyword, ""))
    begin, dash, end = value.partition("-")
    if dash and keyword == "StudyDate":
        return begin <= own <= (end or "9")
    return fnmatchcase(own.casefold(), value.casefold())


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    @property
    def archive(self):
        return self.server.archive

    def answer(self, status, kind="", content=b"", **headers):
        self.send_response(status)
        if kind:
            self.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def drop(self):
        """End the connection."""
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def do_GET(self):  # noqa: N802 - the name that the library calls
        self.archive.requests.append((self.path, dict(self.headers)))
        if self.archive.fault(self):
            return
        parts = urlsplit(self.path)
        decode = unquote if self.archive.decodes else str
        pairs = (pair.partition("=") for pair in parts.query.split("&") if pair)
        query = {name: decode(value) for name, _, value in pairs}
        words = parts.path.removeprefix(ROOT).strip("/").split("/")
        uids = tuple(words[1::2])
        if len(uids) == 3:
            self._object(uids)
            return
        offset, limit = int(query.pop("offset", 0)), int(query.pop("limit", 10**6))
        rows = self.archive.rows(len(uids), uids, query)
        begin = 0 if self.archive.ignores_offset else offset
        rows = rows[begin:][: min(limit, self.archive.page)]
        self.answer(200, "application/dicom+json", json.dumps(rows).encode())

    def _object(self, uids):
        if uids not in self.archive.objects:
            self.answer(404)
            return
        self.answer(200, KIND, envelope(self.archive.objects[uids][1]))

    def do_POST(self):  # noqa: N802 - the name that the library calls
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.archive.requests.append((self.path, dict(self.headers)))
        if self.archive.fault(self):
            return
        data = self.archive.keep(
            body.partition(b"\r\n\r\n")[2].rpartition(b"\r\n--")[0]
        )
        self.answer(200, "application/dicom+json", json.dumps(taken(data)).encode())


def envelope(*contents):
    """Objects as the parts of an answer."""
    parts = [
        b"--%s\r\nContent-Type: application/dicom\r\n\r\n%s\r\n" % (BOUNDARY, one)
        for one in contents
    ]
    return b"".join(parts) + b"--%s--" % BOUNDARY


def taken(data):
    """What an archive says of an object that it has stored."""
    item = {"00081155": {"vr": "UI", "Value": [data.SOPInstanceUID]}}
    return {"00081199": {"vr": "SQ", "Value": [item]}}


@contextmanager
def serving(certificate=None):
    """Serve a `WebArchive` on this computer; with a certificate and its key, by TLS."""
    archive = WebArchive()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = False
    server.archive = archive
    scheme = "http"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    archive.address = f"{scheme}://127.0.0.1:{server.server_port}{ROOT}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield archive
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
