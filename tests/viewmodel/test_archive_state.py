"""The archive of a window forgets a password when it turns to another archive."""

import pytest

from napari_motionseg.errors import SettingsError
from napari_motionseg.io.archive_address import Credentials
from napari_motionseg.viewmodel.archive_state import RETRIES, ArchiveState

ADDRESS = "https://pacs.example/dicom-web"


def test_a_password_stays_with_its_archive():
    state = ArchiveState(ADDRESS, Credentials("s3cret", "me"))
    state.turn_to(ADDRESS + "/ ")
    assert state.settings().credentials == Credentials("s3cret", "me")
    state.turn_to("https://other.example")
    assert state.credentials is None
    assert state.settings().retries == RETRIES
    assert "s3cret" not in repr(state)


def test_without_an_address_none_of_the_environment_is_taken(monkeypatch):
    """The field of the window says what is asked; an empty one asks nothing."""
    monkeypatch.setenv("MOTIONSEG_DICOMWEB", ADDRESS)
    assert ArchiveState().address == ADDRESS
    with pytest.raises(SettingsError, match="no archive was named"):
        ArchiveState("").settings()
