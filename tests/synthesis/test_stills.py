import torch

from napari_motionseg.synthesis import SynthesisConfig, training_stills
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.kinds import draw_any

CONFIG = SynthesisConfig.preset("xa-coronary", bolus=False, noise=0.0)


def test_stills_are_pictures_with_the_masks_of_their_vessels():
    made = training_stills(5, 96, 3, CONFIG)
    assert made.pictures.shape == made.masks.shape == (5, 96, 96)
    assert made.masks.dtype == torch.bool
    assert float(made.pictures.min()) >= 0
    assert float(made.pictures.max()) <= 1
    for picture, mask in zip(*made, strict=True):
        wide = torch.nn.functional.max_pool2d(mask[None].float(), 9, 1, 4)[0] > 0
        ring = wide & ~mask
        assert float(picture[mask].mean()) < float(picture[ring].mean())


def test_a_seed_says_it_all():
    one, same, other = (training_stills(3, 64, seed, CONFIG) for seed in (1, 1, 2))
    assert torch.equal(one.pictures, same.pictures)
    assert torch.equal(one.masks, same.masks)
    assert not torch.equal(one.masks, other.masks)


def test_people_outline_the_dark_middle_of_clear_vessels():
    draws = Draws(torch.Generator().manual_seed(1), torch.device("cpu"))
    scenes = draw_any(CONFIG.changed(size=192, opacity=(0.5, 0.5)), 2, draws)
    moment = scenes.at(torch.tensor([0.5, 1.0]))
    masks, outlined = moment.masks, moment.outlined
    assert bool(outlined.any())
    assert not bool((outlined & ~masks).any())
    assert int(outlined.sum()) < 0.8 * int(masks.sum())
    picture = moment.frames(torch.Generator().manual_seed(0))
    assert float(picture[outlined].mean()) < float(picture[masks & ~outlined].mean())
