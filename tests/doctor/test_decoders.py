"""Each kind of frame is really decoded; a wrong or missing decoder is told apart."""

import numpy as np
import pytest

from napari_motionseg.doctor.decoders import decoder_findings
from napari_motionseg.errors import MissingDependencyError
from napari_motionseg.io import frame_decoders

KINDS = {"JPEG", "JPEG lossless", "JPEG-LS", "JPEG 2000", "HTJ2K"}


def findings():
    return {finding.name: finding for finding in decoder_findings()}


def test_every_kind_of_codestream_is_tried():
    found = findings()
    assert found.keys() == KINDS | {"videos (ffmpeg)"}
    assert {finding.state for finding in found.values()} == {"ok"}
    tried = {kind for kinds in frame_decoders.SYNTAXES.values() for kind in kinds}
    assert tried - {"RLE"} == KINDS


def test_a_decoder_that_is_wrong_is_found(monkeypatch):
    right = frame_decoders._DECODERS["JPEG-LS"]
    monkeypatch.setitem(
        frame_decoders._DECODERS, "JPEG-LS", lambda *given: right(*given) + 1
    )
    found = findings()
    assert found["JPEG-LS"].state == "broken"
    assert "by up to 1 gray level" in found["JPEG-LS"].value
    assert found["JPEG"].state == "ok"


@pytest.mark.parametrize("error", [ImportError, RuntimeError, ValueError])
def test_a_decoder_that_fails_is_found(monkeypatch, error):
    def broken(*given):
        raise error("libopenjp2 is missing")

    monkeypatch.setitem(frame_decoders._DECODERS, "HTJ2K", broken)
    found = findings()["HTJ2K"]
    assert found.state == "broken"
    assert "libopenjp2 is missing" in found.value
    assert "imagecodecs" in found.remedy


def test_without_ffmpeg_the_remedy_is_told(monkeypatch):
    def none():
        raise MissingDependencyError("videos need ffmpeg")

    monkeypatch.setattr("napari_motionseg.doctor.decoders.ffmpeg_program", none)
    found = findings()["videos (ffmpeg)"]
    assert found.state == "broken"
    assert "pip install imageio-ffmpeg" in found.remedy


def test_a_frame_is_not_changed_by_being_encoded():
    from napari_motionseg.doctor.decoders import _smooth_frame

    assert _smooth_frame(8).dtype == np.uint8
    assert _smooth_frame(12).max() == 4095 or _smooth_frame(12).max() > 4000
