import os
import threading

import numpy as np
import pytest

from napari_motionseg.jobs.transport import (
    INLINE_BYTES,
    decode,
    encode,
    read_frame,
    write_frame,
)

HEADER = 8  # bytes of the length


def travelled(message, folder):
    return decode(encode(message, folder)[HEADER:])


@pytest.mark.parametrize("count", [0, 1, 3, INLINE_BYTES // 4, INLINE_BYTES, 10**6])
def test_arrays_of_any_size_arrive_writable_and_aligned(tmp_path, count):
    sent = {"a": np.arange(count, dtype=np.float32), "b": np.arange(5)[::2], "c": "x"}
    got = travelled(sent, tmp_path)
    for name in "ab":
        np.testing.assert_array_equal(got[name], sent[name])
        assert got[name].flags.writeable
        assert got[name].flags.aligned
    assert got["c"] == "x"
    assert list(tmp_path.iterdir()) == []  # the reader removes the file


def test_many_arrays_of_odd_sizes_share_a_file(tmp_path):
    sent = [np.full(n, n % 251, np.uint8) for n in (100_001, 1, 0, 63, 65, 70_000)]
    sent.append(np.arange(70_000, dtype=np.float64))
    for one, other in zip(travelled(sent, tmp_path), sent, strict=True):
        np.testing.assert_array_equal(one, other)


def test_only_a_few_bytes_of_a_large_message_go_through_the_pipe(tmp_path):
    array = np.zeros(10**6)
    packed = encode(array, tmp_path)
    assert len(packed) < 500
    (file,) = tmp_path.iterdir()
    assert file.stat().st_size >= array.nbytes
    assert file.stat().st_mode & 0o077 == 0  # of this user alone
    packed = encode(b"x" * 10**6, tmp_path)  # bytes lie in the pickle itself
    assert len(packed) < 500
    assert decode(packed[HEADER:]) == b"x" * 10**6


def test_a_message_that_is_not_written_leaves_no_file(tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_motionseg.jobs.transport._write_all", full)
    with pytest.raises(OSError, match="No space"):
        encode(np.zeros(10**6), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_messages_follow_each_other_through_a_pipe(tmp_path):
    reader, writer = os.pipe()
    sent = [1, "two", list(range(3000)), np.zeros(10**5), None]

    def write():
        for message in sent:
            write_frame(writer, encode(message, tmp_path))
        os.close(writer)

    thread = threading.Thread(target=write)
    thread.start()
    got = [decode(read_frame(reader)) for _ in sent]
    assert got[:3] == sent[:3]
    with pytest.raises(EOFError):
        read_frame(reader)
    thread.join()
    os.close(reader)


def test_half_a_message_is_the_end():
    reader, writer = os.pipe()
    os.write(writer, encode("whole", "/nowhere")[:-2])
    os.close(writer)
    with pytest.raises(EOFError):
        read_frame(reader)
    os.close(reader)
