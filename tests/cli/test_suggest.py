"""`motionseg suggest` names the frame to label next and says why."""

import numpy as np
import torch

from napari_motionseg.models import (
    load_model,
)


def test_the_network_set_by_hand_answers_darker_than_the_median(light, small_cine):
    network, _ = load_model(light)
    frame = torch.from_numpy(small_cine.normalized(3))[None, None]
    with torch.inference_mode():
        found = network.probabilities(frame)[0, 1] > 0.5
    median = np.median([small_cine.normalized(t) for t in range(len(small_cine))])
    clear = (frame[0, 0] - median).abs() > 0.01  # what no rounding moves across it
    assert clear.float().mean() > 0.5
    assert torch.equal(found[clear], (frame[0, 0] < median)[clear])


def test_a_frame_and_why(motionseg, loop_file, label_file, light):
    (row,) = motionseg("suggest", loop_file, "--model", light, "--json").rows
    assert 0 <= row["frame"] < 8
    assert "labelled" not in row["reason"]
    words = ("--model", light, "--labels", label_file)
    answer = motionseg("suggest", loop_file, *words)
    assert answer.code == 0
    assert "nearest labelled frame is" in answer.out
    assert not answer.out.startswith("Frame 6")


def test_labels_of_another_loop_are_refused(motionseg, loop_file, light, tmp_path):
    np.savez(tmp_path / "l.npz", labels=np.ones((2, 4, 4), np.uint8))
    answer = motionseg(
        "suggest", loop_file, "--model", light, "--labels", tmp_path / "l.npz"
    )
    assert answer.code == 2
    assert "(8, 96, 96)" in answer.err
