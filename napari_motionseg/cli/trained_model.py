"""Report the checkpoint that a training command has written."""

from __future__ import annotations

from pathlib import Path

from napari_motionseg.cli.console import print_note, print_result
from napari_motionseg.viewmodel.explained_words import explained_words


def report_checkpoint(path: Path, as_json: bool) -> None:
    """Print path, kind and training of a checkpoint.

    Parameters
    ----------
    path
        Path of the checkpoint.
    as_json
        Whether to print a JSON object instead of a line of text.
    """
    from napari_motionseg.models import read_card

    card = read_card(path)
    training = card.provenance.get("training", {})
    row = {"out": str(path), "kind": card.kind, "training": training}
    if "explained" in card.provenance:
        row["explained"] = card.provenance["explained"]
        if words := explained_words(card):
            print_note(words)
    print_result(row, f"{path}: {card.kind}, {card.architecture}", as_json)
