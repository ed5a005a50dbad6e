"""Addresses are checked; passwords come from outside and show up nowhere."""

import pytest

from napari_motionseg.errors import MissingDependencyError, SettingsError
from napari_motionseg.io.archive_address import (
    SERVICE,
    ArchiveSettings,
    Credentials,
    archive_settings,
    checked_address,
    keep_credentials,
)

ADDRESS = "https://pacs.example/dicom-web"


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


@pytest.fixture
def no_ring(monkeypatch):
    """A server without a keyring."""
    import keyring
    from keyring.errors import NoKeyringError

    def none(*_):
        raise NoKeyringError("no recommended backend\nwas available")

    for name in ("get_password", "set_password"):
        monkeypatch.setattr(keyring, name, none)


def test_an_address_loses_its_last_slash():
    assert checked_address(f" {ADDRESS}/ ") == ADDRESS


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("", "no archive was named"),
        ("pacs.example/dicom-web", "is no web address"),
        ("ftp://pacs.example", "is no web address"),
        ("file:///etc/passwd", "is no web address"),
        ("https://", "is no web address"),
        ("https://pacs.example:port", "is no web address"),
        ("https://[::1", "is no web address"),
        (ADDRESS + "?PatientID=1", "root of the DICOMweb service alone"),
        (ADDRESS + " x", "root of the DICOMweb service alone"),
    ],
)
def test_what_is_no_address_is_refused(address, words):
    with pytest.raises(SettingsError, match=words):
        checked_address(address)


def test_a_password_in_an_address_is_refused_and_not_repeated():
    with pytest.raises(SettingsError, match="must not contain a password") as told:
        checked_address("https://me:s3cret@pacs.example/dicom-web")
    assert "s3cret" not in str(told.value)


@pytest.mark.parametrize("host", ["localhost:8042", "127.0.0.1", "[::1]:80"])
def test_this_computer_needs_no_encryption(host):
    assert not ArchiveSettings(f"http://{host}/dicom-web").is_open


def test_another_computer_needs_it_unless_it_is_allowed(monkeypatch):
    open_one = ADDRESS.replace("https", "http")
    with pytest.raises(SettingsError, match="in the clear"):
        archive_settings(open_one)
    assert archive_settings(open_one, allow_http=True).is_open
    monkeypatch.setenv("MOTIONSEG_DICOMWEB_HTTP", "allow")
    assert archive_settings(open_one).is_open


def test_credentials_are_in_no_text(ring):
    ring[SERVICE, ADDRESS] = "me:s3cret"
    settings = archive_settings(ADDRESS)
    assert settings.credentials == Credentials("s3cret", "me")
    assert "s3cret" not in f"{settings} {settings.credentials}"


@pytest.mark.parametrize(
    "known", [Credentials("a:b:c", "me"), Credentials("to.k-en"), Credentials("t:k")]
)
def test_a_keyring_gives_back_what_it_keeps(ring, known):
    keep_credentials(ADDRESS + "/", known)
    assert archive_settings(ADDRESS).credentials == known
    assert archive_settings("https://other.example").credentials is None
    keep_credentials(ADDRESS, None)
    keep_credentials(ADDRESS, None)
    assert archive_settings(ADDRESS).credentials is None


def test_a_token_set_by_hand_needs_no_mark():
    assert Credentials.of_text("abc") == Credentials("abc")


@pytest.mark.parametrize("token", ["", "two words", "line\nend", "schlüssel"])
def test_what_is_no_token_is_refused_and_not_repeated(token):
    with pytest.raises(SettingsError, match="without spaces") as told:
        Credentials(token)
    assert not token or token not in str(told.value)


def test_the_environment_comes_before_the_keyring(ring, monkeypatch):
    ring[SERVICE, ADDRESS] = "me:kept"
    monkeypatch.setenv("MOTIONSEG_DICOMWEB_USER", "you")
    monkeypatch.setenv("MOTIONSEG_DICOMWEB_PASSWORD", "pass")
    assert archive_settings(ADDRESS).credentials == Credentials("pass", "you")
    monkeypatch.setenv("MOTIONSEG_DICOMWEB_TOKEN", "token")
    assert archive_settings(ADDRESS).credentials == Credentials("token")


def test_a_token_goes_to_the_archive_that_the_environment_names(no_ring, monkeypatch):
    monkeypatch.setenv("MOTIONSEG_DICOMWEB", ADDRESS + "/")
    monkeypatch.setenv("MOTIONSEG_DICOMWEB_TOKEN", "token")
    assert archive_settings().address == ADDRESS
    assert archive_settings().credentials == Credentials("token")
    assert archive_settings("https://other.example").credentials is None


def test_without_a_keyring_the_environment_is_named(no_ring):
    assert archive_settings(ADDRESS).credentials is None
    with pytest.raises(MissingDependencyError, match="MOTIONSEG_DICOMWEB_TOKEN"):
        keep_credentials(ADDRESS, Credentials("token"))


def test_certificates_must_exist(tmp_path, monkeypatch):
    with pytest.raises(SettingsError, match="no such file of certificates"):
        archive_settings(ADDRESS, ca=tmp_path / "none.pem")
    monkeypatch.setenv("MOTIONSEG_DICOMWEB_CA", str(tmp_path / "gone.pem"))
    with pytest.raises(SettingsError, match=r"gone\.pem"):
        archive_settings(ADDRESS)
