"""Sampling along flow against SciPy's interpolation."""

import numpy as np
import torch
from scipy.ndimage import map_coordinates

from napari_motionseg.models.sampling import sample_along


def test_sampling_is_scipys():
    generator = np.random.default_rng(0)
    picture = generator.random((1, 2, 9, 11))
    flow = generator.uniform(-4, 4, (1, 2, 9, 11))
    found, inside = sample_along(torch.from_numpy(picture), torch.from_numpy(flow))
    rows, columns = np.mgrid[:9, :11]
    places = np.stack((rows + flow[0, 1], columns + flow[0, 0]))
    for channel in range(2):
        expected = map_coordinates(
            np.pad(picture[0, channel], 6), places + 6, order=1, mode="constant"
        )
        np.testing.assert_allclose(found[0, channel], expected, atol=1e-12)
    truth = (places >= 0).all(0) & (places[0] <= 8) & (places[1] <= 10)
    np.testing.assert_array_equal(inside[0, 0].numpy(), truth)
