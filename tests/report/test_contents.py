"""Contents of a report must fit its loop."""

import dataclasses

import numpy as np
import pytest

from napari_motionseg.errors import SettingsError


@pytest.mark.parametrize("name", ["masks", "truth"])
def test_what_does_not_fit_the_loop_is_refused(report, name):
    with pytest.raises(SettingsError, match=name):
        dataclasses.replace(report, **{name: np.zeros((4, 24, 31), bool)})
