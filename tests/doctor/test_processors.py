"""Devices: what torch has, what auto takes, and variables that change it."""

import torch

from napari_motionseg.doctor.processors import processor_findings


def findings():
    return {finding.name: finding for finding in processor_findings()}


def test_the_processor_and_the_automatic_device_are_named():
    found = findings()
    assert "threads of torch" in found["cpu"].value
    assert found["device auto"].state == "ok"


def test_a_gpu_that_torch_cannot_use_is_a_note(monkeypatch):
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    found = findings()["cuda"]
    assert found.state == "note"
    assert "CUDA 13.0" in found.value
    assert found.remedy


def test_each_gpu_is_named_with_its_memory(monkeypatch):
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda i: (3 * 2**30, 8 * 2**30))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda i: f"Card {i}")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **given: True)
    found = findings()
    assert found["cuda:1"].value == "Card 1, CUDA 13.0, 3.0 of 8.0 GiB free, bf16 yes"
    assert found["device auto"].value == "cuda"


def test_a_device_that_is_not_there_is_broken(monkeypatch):
    monkeypatch.setenv("MOTIONSEG_DEVICE", "cuda:7")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    found = findings()
    assert found["device auto"].state == "broken"
    assert "MOTIONSEG_DEVICE" in found["device auto"].value
    assert found["MOTIONSEG_DEVICE"].value == "cuda:7"
