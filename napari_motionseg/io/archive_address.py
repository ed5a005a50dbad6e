"""Check the address of a DICOMweb archive, and find how to sign in to it.

Passwords and tokens come from environment variables or from the keyring of the system.
They are written into no project, result or log, and no text of an object shows them.
"""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from napari_motionseg.environment import (
    ARCHIVE,
    ARCHIVE_CA,
    ARCHIVE_HTTP,
    ARCHIVE_PASSWORD,
    ARCHIVE_TOKEN,
    ARCHIVE_USER,
    chosen_archive,
)
from napari_motionseg.errors import MissingDependencyError, SettingsError

SERVICE = "napari-motionseg"  # under which the keyring keeps passwords
BEARER = "Bearer "
CONNECT_S, ANSWER_S = 10.0, 30.0


@dataclass(frozen=True)
class Credentials:
    """User and password, or a token, with which an archive is asked.

    Parameters
    ----------
    secret
        Password of the user, or the token; it is left out of every text.
    user
        Name of the user for basic authentication; empty for a bearer token.
    """

    secret: str = field(repr=False)
    user: str = ""

    def __post_init__(self) -> None:
        token = not self.user
        if token and (not self.secret.isascii() or not self.secret.isprintable()
                      or " " in self.secret or not self.secret):  # fmt: skip
            raise SettingsError(
                "a token for an archive consists of letters, digits and signs without "
                "spaces or line ends; the one that is set does not"
            )

    @classmethod
    def of_text(cls, text: str) -> Credentials:
        """Return the credentials that a keyring keeps: ``user:password`` or a token.

        Parameters
        ----------
        text
            ``user:password``, a token, or ``Bearer`` and a token with colons.
        """
        user, colon, password = text.partition(":")
        if text.startswith(BEARER) or not colon:
            return cls(text.removeprefix(BEARER))
        return cls(password, user)

    @property
    def text(self) -> str:
        """The credentials as `of_text` reads them."""
        return f"{self.user}:{self.secret}" if self.user else f"{BEARER}{self.secret}"


@dataclass(frozen=True)
class ArchiveSettings:
    """Address of an archive, and how it is asked.

    Parameters
    ----------
    address
        Root of the DICOMweb service, such as ``https://pacs.example/dicom-web``.
    credentials
        How to sign in; None for an archive that does not ask.
    ca
        File with the certificates of the authorities that may vouch for the archive;
        None for those of the system.
    allow_http
        Whether a network may be used without encryption.
    connect_s, answer_s
        Seconds until a connection must stand, and in which some bytes of an answer must
        arrive.
    retries
        How often a request is repeated that the archive could not answer.
    backoff_s
        Seconds before the first repetition; each following one waits twice as long.
    page
        Number of matches that a search asks for at once.
    """

    address: str
    credentials: Credentials | None = field(default=None, repr=False)
    ca: Path | None = None
    allow_http: bool = False
    connect_s: float = CONNECT_S
    answer_s: float = ANSWER_S
    retries: int = 3
    backoff_s: float = 0.5
    page: int = 100

    def __post_init__(self) -> None:
        object.__setattr__(self, "address", checked_address(self.address))
        if self.ca is not None and not self.ca.is_file():
            raise SettingsError(f"{self.ca}: no such file of certificates")
        if self.is_open and not self.allow_http:
            raise SettingsError(
                f"{self.address}: http sends patients' data and passwords in the "
                "clear; use https. If the network itself is protected, allow it with "
                f"--allow-http or {ARCHIVE_HTTP}=allow"
            )

    @property
    def is_open(self) -> bool:
        """Whether others on the network could read what is sent."""
        parts = urlsplit(self.address)
        return parts.scheme == "http" and not _is_this_computer(parts.hostname or "")


def checked_address(text: str) -> str:
    """Return the address of a DICOMweb service without a slash at its end.

    Parameters
    ----------
    text
        Address as a user gives it.

    Raises
    ------
    SettingsError
        If it is no address of a web service, or holds a password or a question.
    """
    address = text.strip().rstrip("/")
    example = "such as https://pacs.example/dicom-web"
    if not address:
        raise SettingsError(
            f"no archive was named: give its DICOMweb address, {example}, or set "
            f"{ARCHIVE}"
        )
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise SettingsError(f"{address}: is no web address ({error})") from error
    if "@" in parts.netloc:
        raise SettingsError(
            f"{parts.scheme}://...@{host}: an address must not contain a password; set "
            f"{ARCHIVE_USER} and {ARCHIVE_PASSWORD}, or use motionseg archive login"
        )
    if parts.scheme not in ("http", "https") or not host:
        raise SettingsError(f"{address}: is no web address, {example}")
    if parts.query or parts.fragment or any(c.isspace() for c in address):
        raise SettingsError(
            f"{address}: name the root of the DICOMweb service alone, {example}"
        )
    return address


def _is_this_computer(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def archive_settings(
    address: str = "",
    *,
    credentials: Credentials | None = None,
    ca: Path | None = None,
    allow_http: bool = False,
) -> ArchiveSettings:
    """Return how an archive is asked, with what environment and keyring know of it.

    Parameters
    ----------
    address
        Root of the DICOMweb service; empty for the one that ``MOTIONSEG_DICOMWEB``
        names.
    credentials
        How to sign in; None to look in the environment and then in the keyring.
    ca
        File of certificates; None for what ``MOTIONSEG_DICOMWEB_CA`` names, or else
        those of the system.
    allow_http
        Whether a network may be used without encryption.

    Raises
    ------
    SettingsError
        If the address cannot be used, or the file of certificates does not exist.
    """
    place = checked_address(address or chosen_archive())
    named = os.environ.get(ARCHIVE_CA, "").strip()
    allowed = allow_http or os.environ.get(ARCHIVE_HTTP, "").strip().lower() == "allow"
    found = ArchiveSettings(
        place, ca=ca or (Path(named) if named else None), allow_http=allowed
    )
    known = credentials or _of_environment(place) or _of_keyring(place)
    return ArchiveSettings(place, known, found.ca, found.allow_http)


def _of_environment(address: str) -> Credentials | None:
    """Return the credentials of the environment, unless they are another archive's."""
    named = chosen_archive()
    if named and checked_address(named) != address:
        return None
    token = os.environ.get(ARCHIVE_TOKEN, "").strip()
    if token:
        return Credentials(token)
    user = os.environ.get(ARCHIVE_USER, "").strip()
    return Credentials(os.environ.get(ARCHIVE_PASSWORD, ""), user) if user else None


def _of_keyring(address: str) -> Credentials | None:
    """Return what the keyring keeps for an address; None where there is no keyring."""
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        return None
    try:
        text = keyring.get_password(SERVICE, address)
    except (KeyringError, OSError, RuntimeError):
        return None  # a server without a screen has none that can be opened
    return Credentials.of_text(text) if text else None


def keep_credentials(address: str, credentials: Credentials | None) -> None:
    """Keep credentials of an archive in the keyring of the system, or remove them.

    Parameters
    ----------
    address
        Root of the DICOMweb service.
    credentials
        What to keep; None removes what is kept, if anything.

    Raises
    ------
    MissingDependencyError
        If keyring is not installed, or this system has no keyring.
    """
    place = checked_address(address)
    try:
        import keyring
        from keyring.errors import KeyringError, PasswordDeleteError
    except ImportError as error:
        raise _without_keyring("the library is not installed") from error
    try:
        if credentials is not None:
            keyring.set_password(SERVICE, place, credentials.text)
        elif keyring.get_password(SERVICE, place) is not None:
            keyring.delete_password(SERVICE, place)
    except PasswordDeleteError:
        return
    except (KeyringError, OSError, RuntimeError) as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise _without_keyring(first) from error


def _without_keyring(reason: str) -> MissingDependencyError:
    return MissingDependencyError(
        f"no keyring of the system can be used ({reason}): pip install "
        f"'napari-motionseg[archive]', or set {ARCHIVE_USER} and {ARCHIVE_PASSWORD}, "
        f"or {ARCHIVE_TOKEN}"
    )
