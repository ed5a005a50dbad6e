"""Small loops that every room's tests share; made once a session."""

from __future__ import annotations

import numpy as np
import pytest

from napari_motionseg.cine import Cine


@pytest.fixture(scope="session", autouse=True)
def no_cache_of_the_user():
    """Keep what tests estimate out of the user's cache, child processes included."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTIONSEG_CACHE", "off")
        yield


@pytest.fixture(scope="session", autouse=True)
def no_projects_of_the_user(tmp_path_factory):
    """Keep what tests paint out of the user's list of unsaved work."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTIONSEG_STATE", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def synthetic():
    """A synthetic angiogram of 8 frames of 96 x 96 with masks and exact flow."""
    from napari_motionseg.synthesis import SynthesisConfig, synthesize_cine

    return synthesize_cine(SynthesisConfig(size=96, frames=8), seed=7)


@pytest.fixture(scope="session")
def small_cine(synthetic) -> Cine:
    """The loop of `synthetic`."""
    return synthetic.cine


@pytest.fixture(scope="session")
def noise_cine() -> Cine:
    """Eight frames of noise, 72 x 80: for what does not look at the picture."""
    pixels = np.random.default_rng(0).integers(0, 256, (8, 72, 80), dtype=np.uint8)
    return Cine.from_array(pixels, frame_times=np.arange(8) * 66.7)
