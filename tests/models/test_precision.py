"""Names of precisions, and the automatic one."""

import pytest
import torch

from napari_motionseg.models.precision import has_bf16, resolve_precision


def test_precision(monkeypatch):
    cpu = torch.device("cpu")
    monkeypatch.delenv("MOTIONSEG_BF16", raising=False)
    expected = torch.bfloat16 if has_bf16(cpu) else torch.float32
    assert resolve_precision("auto", cpu) == expected
    assert resolve_precision("float32", cpu) == torch.float32
    assert resolve_precision("bf16", cpu) == torch.bfloat16


@pytest.mark.parametrize(
    ("variable", "capability", "expected"),
    [
        ("", "AVX512", torch.bfloat16),
        ("on", "AVX512", torch.bfloat16),
        ("off", "AVX512", torch.float32),
        (" OFF ", "AVX512", torch.float32),
        # units that torch may not use are as good as none: it would emulate bf16
        ("", "AVX2", torch.float32),
        ("", "DEFAULT", torch.float32),
    ],
)
def test_automatic_precision_follows_what_torch_may_use(
    monkeypatch, variable, capability, expected
):
    cpu = torch.device("cpu")
    monkeypatch.setenv("MOTIONSEG_BF16", variable)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert resolve_precision("auto", cpu) == expected
    assert resolve_precision("bf16", cpu) == torch.bfloat16
