"""Ask a web server with time limits, repetitions and verified certificates.

This module needs requests; `archive_client.open_archive` imports it when it is there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth
from urllib3.util import Retry

from napari_motionseg.errors import ArchiveError
from napari_motionseg.io.archive_address import ArchiveSettings, Credentials
from napari_motionseg.version import __version__

MOST_LISTED_BYTES = 2**26  # of an answer that is no object: lists of thousands of rows
PIECE_BYTES = 2**17
WHOLE_ANSWERS = 4  # a list must be complete within this many `answer_s`
BUSY = (408, 429, 500, 502, 503, 504)  # an archive that may answer a little later
WEB_PAGES = ("text/html", "application/xhtml+xml")


class ArchiveSession(requests.Session):
    """A session that trusts its server no further than it must.

    Parameters
    ----------
    settings
        Address, certificates, credentials and time limits of the server.
    """

    def __init__(self, settings: ArchiveSettings) -> None:
        super().__init__()
        self._settings = settings
        self.auth = _authentication(settings.credentials)
        self.headers["User-Agent"] = f"napari-motionseg/{__version__}"
        retry = Retry(
            connect=min(1, settings.retries), read=settings.retries,
            status=settings.retries, redirect=3, other=0, total=None,
            backoff_factor=settings.backoff_s, status_forcelist=BUSY,
            allowed_methods={"GET"}, raise_on_status=False,
            respect_retry_after_header=False,  # it may say an hour
        )  # fmt: skip
        for scheme in ("http://", "https://"):
            self.mount(scheme, HTTPAdapter(max_retries=retry))

    def merge_environment_settings(
        self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> Any:
        """Prefer the file of certificates that the user gave to the environment's."""
        merged = super().merge_environment_settings(url, proxies, stream, verify, cert)
        if self._settings.ca is not None:
            merged["verify"] = str(self._settings.ca)
        return merged

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return where an answer leads to; another server would see patients' data."""
        target = super().get_redirect_target(resp)
        if target is not None:
            old, new = urlsplit(resp.url), urlsplit(urljoin(resp.url, target))
            same = old.hostname == new.hostname and new.scheme in ("https", old.scheme)
            if not same or (old.scheme == new.scheme and old.port != new.port):
                resp.close()
                raise ArchiveError(
                    f"{self._settings.address}: sends to another address, "
                    f"{new.scheme}://{new.netloc}; name that one if it is the archive"
                )
        return target

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """Write a question as RFC 3986 has it: spaces as ``%20``, wildcards plainly.

        dicomweb-client writes a space as ``+``, as forms of web pages do, and escapes
        wildcards. Some archives, Orthanc 1.10 among them, decode neither.
        """
        prepared = super().prepare_request(request)
        address, mark, question = (prepared.url or "").partition("?")
        for escaped, plain in (("+", "%20"), ("%2A", "*"), ("%3F", "?")):
            question = question.replace(escaped, plain)
        prepared.url = address + mark + question
        return prepared

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> Any:
        """Send a request; an answer that is not streamed is bounded in size and time.

        Raises
        ------
        ArchiveError
            If the answer is a web page, too large, or takes too long.
        """
        streamed = bool(kwargs.get("stream"))
        response = super().send(request, **kwargs | {"stream": True})
        if not response.is_redirect and not streamed:
            response._content = self._content(response)
        if not response.is_redirect and response.ok:
            self._require_no_page(response)
        return response

    def _content(self, response: requests.Response) -> bytes:
        content, limit = bytearray(), WHOLE_ANSWERS * self._settings.answer_s
        until = time.monotonic() + limit
        with response:
            for piece in pieces_of(response):
                content += piece
                if len(content) > MOST_LISTED_BYTES:
                    raise ArchiveError(
                        f"{self._settings.address}: its answer is larger than "
                        f"{MOST_LISTED_BYTES >> 20} MiB; search for less at once"
                    )
                if time.monotonic() > until:
                    raise ArchiveError(
                        f"{self._settings.address}: its answer was not complete after "
                        f"{limit:g} s; try again later, or search for less at once"
                    )
        return bytes(content)

    def _require_no_page(self, response: requests.Response) -> None:
        named = response.headers.get("Content-Type", "")
        if named.partition(";")[0].strip().lower() in WEB_PAGES:
            response.close()
            raise ArchiveError(
                f"{self._settings.address}: answers with a web page (HTML), not with "
                "DICOM. Is this the root of its DICOMweb service, such as .../dicom-web"
                "? A page to sign in is a web page too"
            )


def pieces_of(response: requests.Response) -> Iterator[bytes]:
    """Yield the bytes of an answer as they arrive.

    ``iter_content`` would wait until each piece has its full size.

    Parameters
    ----------
    response
        An answer whose content is streamed.
    """
    while piece := response.raw.read1(PIECE_BYTES, decode_content=True):
        yield piece


class BearerToken(AuthBase):
    """Sign each request with a token.

    Parameters
    ----------
    token
        The token.
    """

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the token to a request."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _Unsigned(AuthBase):
    """Sign nothing; without it, requests would look for passwords in ``.netrc``."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def _authentication(credentials: Credentials | None) -> AuthBase:
    if credentials is None:
        return _Unsigned()
    if not credentials.user:
        return BearerToken(credentials.secret)
    # as bytes in UTF-8 (RFC 7617); texts would have to be Latin-1
    pair = credentials.user.encode(), credentials.secret.encode()
    return HTTPBasicAuth(*pair)
