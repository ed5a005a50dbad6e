"""Turn failures of requests to an archive into errors that say what to do.

This module needs requests, like `archive_session`.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import requests
from requests import exceptions as failed
from urllib3 import exceptions as lower

from napari_motionseg.errors import ArchiveError, SettingsError
from napari_motionseg.io.archive_address import ArchiveSettings

FIRST_CHARACTERS = 120  # of a reason that comes from elsewhere


class BrokenAnswerError(ArchiveError):
    """An answer ended in its middle; the request may be repeated."""


@contextmanager
def archive_failures(settings: ArchiveSettings) -> Iterator[None]:
    """Raise an `ArchiveError` in place of what requests and its libraries raise.

    Parameters
    ----------
    settings
        Address of the archive, which messages begin with, and its time limits.
    """
    try:
        yield
    except failed.HTTPError as error:
        raise _refused(settings, error.response) from error
    except failed.SSLError as error:
        raise ArchiveError(
            f"{settings.address}: its certificate cannot be verified "
            f"({_first(error)}). Give the certificates of your hospital's authority "
            "with --ca or MOTIONSEG_DICOMWEB_CA"
        ) from error
    except (
        failed.ChunkedEncodingError, failed.ContentDecodingError, lower.DecodeError
    ) as error:  # fmt: skip
        raise _broken(settings, error) from error
    except (
        failed.Timeout, failed.ConnectionError, lower.TimeoutError, lower.ProtocolError
    ) as error:  # fmt: skip
        raise _unreachable(settings, error) from error
    except failed.JSONDecodeError as error:
        raise ArchiveError(
            f"{settings.address}: its answer is not DICOM JSON; is this the root of a "
            "DICOMweb service?"
        ) from error
    except (failed.InvalidURL, failed.InvalidSchema, failed.MissingSchema) as error:
        raise SettingsError(f"{settings.address}: is no web address") from error
    except failed.TooManyRedirects as error:
        if error.response is not None:
            error.response.close()
        raise ArchiveError(
            f"{settings.address}: sends from one address to the next without end"
        ) from error
    except (failed.RequestException, lower.HTTPError) as error:
        raise ArchiveError(
            f"{settings.address}: the request failed ({_first(error)})"
        ) from error


def _refused(
    settings: ArchiveSettings, response: requests.Response | None
) -> ArchiveError:
    status = 0 if response is None else response.status_code
    words = {
        400: "does not understand the request; it may not offer this service",
        401: "asks who you are, or does not accept the password (401): sign in with "
        "motionseg archive login, or set MOTIONSEG_DICOMWEB_USER and "
        "MOTIONSEG_DICOMWEB_PASSWORD, or MOTIONSEG_DICOMWEB_TOKEN",
        403: "does not permit this to you (403); ask who administers it",
        404: "does not know this address or object (404)",
        406: "cannot send the object in the form in which it is stored (406)",
        413: "refuses an object of this size (413)",
    }
    if status in words:
        return ArchiveError(f"{settings.address}: {words[status]}")
    reason = "" if response is None else f" {_first(response.reason)}"
    said = "cannot answer at present; try again later" if status >= 500 else "refuses"
    return ArchiveError(f"{settings.address}: {said} ({status}{reason})")


def _broken(settings: ArchiveSettings, error: BaseException) -> BrokenAnswerError:
    return BrokenAnswerError(
        f"{settings.address}: stopped in the middle of its answer ({_first(error)}); "
        "ask again, and what is complete is kept"
    )


def _unreachable(settings: ArchiveSettings, error: Exception) -> ArchiveError:
    causes = list(_causes(error))
    late = (failed.ConnectTimeout, lower.ConnectTimeoutError)
    if any(
        isinstance(x, late) and not isinstance(x, lower.NewConnectionError)
        for x in causes
    ):
        return ArchiveError(
            f"{settings.address}: no connection within {settings.connect_s:g} s; is "
            "this computer in the archive's network?"
        )
    if any(isinstance(x, (failed.ReadTimeout, lower.ReadTimeoutError)) for x in causes):
        return BrokenAnswerError(
            f"{settings.address}: sent nothing for {settings.answer_s:g} s; it may be "
            "busy: try again later"
        )
    if any(isinstance(x, (lower.ProtocolError, ConnectionResetError)) for x in causes):
        return _broken(settings, causes[-1])
    if any(isinstance(x, (socket.gaierror, lower.NameResolutionError)) for x in causes):
        return ArchiveError(f"{settings.address}: no computer of this name was found")
    refused = next((x for x in causes if isinstance(x, OSError) and x.strerror), None)
    reason = refused.strerror if refused is not None else _first(causes[-1])
    return ArchiveError(
        f"{settings.address}: cannot be reached ({reason}); is the address right, and "
        "does the archive run?"
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that it was made of, the innermost one last."""
    seen: set[int] = set()
    ahead: list[BaseException] = [error]
    while ahead:
        one = ahead.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = (
            one.__cause__,
            one.__context__,
            getattr(one, "reason", None),
            *one.args,
        )
        ahead += [x for x in inner if isinstance(x, BaseException)]


def _first(reason: object) -> str:
    """Return the beginning of the first line of a reason."""
    lines = str(reason).strip().splitlines()
    return lines[0][:FIRST_CHARACTERS] if lines else type(reason).__name__
