"""The object of a multipart answer is taken out while it arrives."""

import pytest
from helpers.web_archive import BOUNDARY, KIND, envelope
from hypothesis import given
from hypothesis import strategies as st

from napari_motionseg.io.multipart_stream import (
    MOST_HEADER_BYTES,
    CutShortError,
    MultipartError,
    object_bytes,
)

CONTENT = b"DICM\r\n--a-bound\r\n\r\n-ary\r\n--"  # nearly a boundary


def cut(content, length):
    return [content[i : i + length] for i in range(0, len(content), length)]


@given(st.binary(max_size=200), st.integers(1, 40), st.binary(max_size=20))
def test_every_content_arrives_however_it_is_cut(content, length, preamble):
    if b"--" + BOUNDARY in content + preamble:
        return
    answer = (preamble + b"\r\n" if preamble else b"") + envelope(content)
    assert b"".join(object_bytes(KIND, cut(answer, length))) == content


@pytest.mark.parametrize("length", [1, 2, 7, 1000])
def test_an_answer_that_ends_early_is_noticed_wherever_it_ends(length):
    answer = envelope(CONTENT)
    for end in range(len(answer)):
        with pytest.raises(CutShortError, match="ends in the middle"):
            list(object_bytes(KIND, cut(answer[:end], length)))


def test_bytes_are_given_away_before_the_end():
    def pieces():
        yield envelope(bytes(5000))[:3000]
        raise AssertionError("asked for more than was needed")

    assert len(next(object_bytes(KIND, pieces()))) > 2000


def test_a_bare_object_is_taken_as_it_is():
    assert list(object_bytes("application/dicom", [b"a", b"b"])) == [b"a", b"b"]


@pytest.mark.parametrize(
    ("kind", "answer", "words"),
    [
        ("application/json", b"{}", "sends application/json, not DICOM"),
        ("", b"", "something unnamed"),
        ("multipart/related", b"", "no valid boundary"),
        (KIND.partition("=")[0] + "=" + "x" * 71, b"", "no valid boundary"),
        (KIND, envelope(), "is empty"),
        (KIND, envelope(b"one", b"two"), "several objects"),
        (KIND, bytes(MOST_HEADER_BYTES + 100), "does not begin with"),
        (KIND, b"--" + BOUNDARY + bytes(MOST_HEADER_BYTES + 100), "does not begin"),
    ],
)
def test_what_is_no_single_object_is_refused(kind, answer, words):
    with pytest.raises(MultipartError, match=words):
        list(object_bytes(kind, cut(answer, 50)))
