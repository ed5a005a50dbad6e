"""Only regular files are opened, and opening never waits."""

import os
import socket
import stat
import threading

import pytest

from napari_motionseg.errors import ReadError
from napari_motionseg.io.regular_files import is_regular, open_regular, read_regular

needs_fifos = pytest.mark.skipif(
    not hasattr(os, "mkfifo"), reason="this system has no FIFOs"
)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"content")
    return path


def test_a_file_is_opened_as_bytes(file):
    with open_regular(file) as opened:
        assert opened.read() == b"content"
        opened.seek(3)
        assert opened.read(2) == b"te"
    with open_regular(str(file)) as opened:
        assert stat.S_ISREG(os.fstat(opened.fileno()).st_mode)
    assert is_regular(file)


def test_nothing_there_is_said_with_its_cause(tmp_path):
    with pytest.raises(ReadError, match="no such file") as caught:
        open_regular(tmp_path / "none")
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    assert not is_regular(tmp_path / "none")


def test_a_name_that_no_file_can_have(tmp_path):
    with pytest.raises(ReadError, match="cannot be opened"):
        open_regular(f"{tmp_path}/a\0b")
    with pytest.raises(ReadError, match="cannot be opened"):
        open_regular(tmp_path / ("n" * 5000))
    assert not is_regular(f"{tmp_path}/a\0b")


def test_a_folder_is_named_as_one(tmp_path):
    with pytest.raises(ReadError, match="is a folder"):
        open_regular(tmp_path)
    assert not is_regular(tmp_path)


@needs_fifos
def test_a_fifo_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    caught = []

    def go():
        try:
            open_regular(tmp_path / "pipe")
        except ReadError as error:
            caught.append(str(error))

    thread = threading.Thread(target=go, daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
    assert "is a named pipe" in caught[0]


@needs_fifos
def test_a_fifo_that_takes_the_place_of_a_file_is_refused(tmp_path, file, monkeypatch):
    """Between the look and the opening another process may have changed it."""
    os.mkfifo(tmp_path / "pipe")
    facts = os.stat(file)
    monkeypatch.setattr(os, "stat", lambda *_, **__: facts)
    before = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc") else 0
    with pytest.raises(ReadError, match="is a named pipe"):
        open_regular(tmp_path / "pipe")
    if before:
        assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no devices here")
def test_a_device_is_refused(tmp_path):
    with pytest.raises(ReadError, match="is a character device"):
        open_regular("/dev/zero")
    (tmp_path / "link").symlink_to("/dev/zero")
    with pytest.raises(ReadError, match="is a character device"):
        open_regular(tmp_path / "link")


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no sockets in folders")
def test_a_socket_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("s")
        with pytest.raises(ReadError, match="is a socket"):
            open_regular(tmp_path / "s")


def test_links_are_followed_only_where_they_may_be(tmp_path, file):
    link = tmp_path / "link"
    link.symlink_to(file)
    with open_regular(link) as opened:
        assert opened.read() == b"content"
    with pytest.raises(ReadError, match="is a symbolic link"):
        open_regular(link, follow_links=False)
    assert is_regular(link)
    assert not is_regular(link, follow_links=False)
    link.unlink()
    link.symlink_to(tmp_path / "nothing")
    with pytest.raises(ReadError, match="no such file"):
        open_regular(link)


def test_a_link_that_takes_the_place_of_a_file_is_not_followed(
    tmp_path, file, monkeypatch
):
    link = tmp_path / "link"
    link.symlink_to(file)
    facts = os.stat(file)
    monkeypatch.setattr(os, "stat", lambda *_, **__: facts)
    with pytest.raises(ReadError, match="cannot be opened"):
        open_regular(link, follow_links=False)


def test_no_more_is_read_than_expected(tmp_path, file):
    assert read_regular(file, 7) == b"content"
    with pytest.raises(ReadError, match="7 bytes, and at most 6 are expected"):
        read_regular(file, 6)
    with (tmp_path / "sparse").open("wb") as sparse:
        sparse.truncate(2**40)
    with pytest.raises(ReadError, match=f"{2**40} bytes, and at most 100 are expected"):
        read_regular(tmp_path / "sparse", 100)


@pytest.mark.skipif(not os.path.exists("/proc/self/maps"), reason="no /proc here")
def test_a_file_that_says_it_is_empty_is_bounded_too():
    assert os.stat("/proc/self/maps").st_size == 0
    with pytest.raises(ReadError, match="at most 10 are expected"):
        read_regular("/proc/self/maps", 10)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything"
)
def test_a_file_that_may_not_be_read(file):
    file.chmod(0)
    with pytest.raises(ReadError, match="Permission denied"):
        open_regular(file)


def test_a_limit_costs_no_memory(tmp_path):
    """The limit may be far above what there is: 8 GiB for the pixels of a project."""
    import tracemalloc

    path = tmp_path / "small"
    path.write_bytes(b"x" * 1000)
    tracemalloc.start()
    try:
        assert read_regular(path, 2**40) == b"x" * 1000
        assert tracemalloc.get_traced_memory()[1] < 2**25
    finally:
        tracemalloc.stop()
