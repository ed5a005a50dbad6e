"""The devices are listed as soon as torch is loaded, and the window does not wait."""

import threading

import pytest

from napari_motionseg.errors import SettingsError
from napari_motionseg.viewmodel.session import Session
from napari_motionseg.widgets.common import device_chooser
from napari_motionseg.widgets.common.device_chooser import DeviceChooser

GPUS = {"auto": "auto (CUDA)", "cpu": "CPU", "cuda:0": "GPU 0: H100"}


@pytest.fixture
def session():
    made = Session()
    yield made
    made.close()


@pytest.fixture
def loading(monkeypatch):
    """Let torch be loaded only when the event is set."""
    loaded = threading.Event()

    def resolve(name):
        if name not in GPUS:
            raise SettingsError(f"no {name}")
        return "cuda" if name == "auto" else name

    monkeypatch.setattr(device_chooser, "torch_is_loaded", loaded.is_set)
    monkeypatch.setattr(device_chooser, "load_torch", lambda: loaded.wait(60))
    monkeypatch.setattr(device_chooser, "known_devices", lambda: dict(GPUS))
    monkeypatch.setattr(device_chooser, "resolve_device", resolve)
    yield loaded
    loaded.set()


@pytest.fixture
def chooser(session, loading, qtbot):
    made = DeviceChooser(session)
    qtbot.addWidget(made)
    return made


def words(chooser):
    return [chooser.itemText(index) for index in range(chooser.count())]


def test_what_is_known_can_be_chosen_before(chooser, session, loading, qtbot):
    assert words(chooser) == ["auto", "CPU"]
    assert chooser.resolved is None
    assert not chooser._search.busy, "torch is loaded when the dock is drawn"
    chooser.setCurrentIndex(1)
    assert session.device == "cpu"
    with qtbot.waitSignal(chooser.known):
        loading.set()
    assert words(chooser) == list(GPUS.values())
    assert chooser.currentText() == "CPU"
    qtbot.waitUntil(lambda: chooser.resolved == "cpu")


def test_the_device_of_a_project_stays_if_it_is_here(chooser, session, loading, qtbot):
    session.device = "cuda:0"
    loading.set()
    qtbot.waitUntil(lambda: chooser.currentText() == "GPU 0: H100")
    assert session.device == "cuda:0"


def test_a_device_of_another_computer_becomes_auto(chooser, session, loading, qtbot):
    session.device = "cuda:7"
    assert session.device == "cuda:7"
    loading.set()
    qtbot.waitUntil(lambda: chooser.resolved == "cuda")
    assert (session.device, chooser.currentText()) == ("auto", "auto (CUDA)")
