"""Record the rows of an evaluation, so that an interrupted one can be continued."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_motionseg.errors import SettingsError, WriteError
from napari_motionseg.io.atomic import replacing
from napari_motionseg.io.output_folder import OutputFolder, Source
from napari_motionseg.text import as_json

Row = dict[str, Any]
SETTINGS, ROWS, SUMMARY, TABLE = (
    "settings.json", "rows.jsonl", "summary.json", "table.md"
)  # fmt: skip


class Record:
    """Rows of one evaluation, written to a folder as they are computed.

    Parameters
    ----------
    folder
        Path of the folder, created if it is missing.
    settings
        JSON values that rows depend on: methods, loops, labels, hashes of checkpoints.

    Raises
    ------
    SettingsError
        If the folder holds rows with other settings.
    OccupiedError
        If the folder holds other files with the names of the record.
    WriteError
        If the folder cannot be written.
    """

    def __init__(self, folder: str | Path, settings: Mapping[str, Any]) -> None:
        self.folder = Path(folder)
        self._outputs = OutputFolder(folder)
        files = dict.fromkeys((SETTINGS, ROWS, SUMMARY, TABLE), "")
        self._outputs.claim(files, Source("evaluation", "evaluation", ""))
        given = json.loads(json.dumps(settings))
        file = self.folder / SETTINGS
        if file.exists():
            kept = _kept(file)
            if kept != given:
                names = sorted(
                    n for n in {*kept, *given} if kept.get(n) != given.get(n)
                )
                raise SettingsError(
                    f"{self.folder}: holds an evaluation with another "
                    f"{', '.join(names)}; choose another folder"
                )
            return
        self._write(SETTINGS, as_json(given, indent=1) + "\n")

    def rows(self) -> list[Row]:
        """Return the rows so far, without a last line that was cut."""
        file = self.folder / ROWS
        lines = file.read_text().splitlines(keepends=True) if file.exists() else []
        return [json.loads(line) for line in lines if line.endswith("}\n")]

    def add(self, rows: Sequence[Row]) -> None:
        """Append rows to the record."""
        text = "".join(as_json(row) + "\n" for row in rows)
        try:
            with (self.folder / ROWS).open("a", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            file = self.folder / ROWS
            raise WriteError(f"cannot write {file}: {error.strerror}") from error

    def finish(self, summary: Sequence[Row]) -> None:
        """Write the summary as JSON and as a table."""
        self._write(SUMMARY, as_json(list(summary), indent=1) + "\n")
        self._write(TABLE, as_table(summary))
        self._outputs.settle((SETTINGS, SUMMARY, TABLE))

    def _write(self, name: str, text: str) -> None:
        with replacing(self.folder / name) as temporary:
            Path(temporary).write_text(text)


def _kept(file: Path) -> dict[str, Any]:
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsError(f"{file}: is damaged ({error}); delete it") from error
    if not isinstance(kept, dict):
        raise SettingsError(f"{file}: is damaged (not a JSON object); delete it")
    return kept


def as_table(summary: Sequence[Row]) -> str:
    """Return a summary as a Markdown table.

    Columns of the best epoch and of areas under curves appear if a row has them.
    """
    best = any("best_dice" in row for row in summary)
    areas = any("auc" in row for row in summary)
    head = ["method", "labels", "Dice", "spread", "clDice", "HD95, px", "gain in Dice"]
    head += ["best epoch", "gain at best"] if best else []
    head += ["AUC", "gain in AUC"] if areas else []
    lines = [head, ["---"] * len(head)]
    for row in summary:
        line = [row["method"], str(row["labels"]), f"{row['dice']:.3f}"]
        line += [_number(row, "spread"), f"{row['cldice']:.3f}"]
        line += [f"{row['hd95_px']:.1f}", _gain(row, "gain")]
        if best:
            line += [_number(row, "best_dice"), _gain(row, "best_dice_gain")]
        if areas:
            line += [_number(row, "auc"), _gain(row, "auc_gain")]
        lines.append(line)
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _number(row: Row, name: str) -> str:
    """Return a number with three digits; an empty text if there is none."""
    return "" if row.get(name) is None else f"{row[name]:.3f}"


def _gain(row: Row, name: str) -> str:
    """Return a gain with its interval; an empty text if there is none."""
    if name not in row:
        return ""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return f"{row[name]:+.3f} ({low:+.3f} to {high:+.3f})"
