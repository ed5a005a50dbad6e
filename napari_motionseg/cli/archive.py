"""Provide `motionseg archive`, the group of commands for DICOMweb archives."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_motionseg.cli.console import print_note, print_result, run_job
from napari_motionseg.cli.options import AsJson
from napari_motionseg.cli.recipe_options import RecipeCommand
from napari_motionseg.errors import SettingsError

if TYPE_CHECKING:
    from napari_motionseg.io.archive_address import ArchiveSettings
    from napari_motionseg.io.archive_client import Archive
    from napari_motionseg.io.archive_search import FoundSeries

app = typer.Typer(
    help="Search a DICOMweb archive, get loops from it, and send results back. "
    "Passwords come from the keyring (login) or from MOTIONSEG_DICOMWEB_USER and "
    "MOTIONSEG_DICOMWEB_PASSWORD, or MOTIONSEG_DICOMWEB_TOKEN.",
    rich_markup_mode=None,
)

Address = Annotated[
    str,
    typer.Option(
        "--archive",
        metavar="ADDRESS",
        help="Root of the DICOMweb service, such as https://pacs.example/dicom-web; by "
        "default MOTIONSEG_DICOMWEB.",
    ),
]
Patient = Annotated[str, typer.Option(help="Patient ID; * stands for any characters.")]
Date = Annotated[
    str, typer.Option(help="Date of the study, such as 2026-11-28, or FROM:TO.")
]
Modality = Annotated[
    list[str] | None,
    typer.Option(help="Modality; may be repeated. XA, XF, RF and US if none."),
]
Study = Annotated[str, typer.Option(help="Study Instance UID.")]
Series = Annotated[str, typer.Option(help="Series Instance UID.")]
Authorities = Annotated[
    Path | None,
    typer.Option("--ca", help="File with the certificates that vouch for the archive."),
]
AllowHttp = Annotated[
    bool,
    typer.Option("--allow-http", help="Also use a network without encryption."),
]
NONE = "no series matches"


@app.command(cls=RecipeCommand)
def find(
    archive: Address = "",
    patient: Patient = "",
    date: Date = "",
    modality: Modality = None,
    study: Study = "",
    series: Series = "",
    phi: Annotated[
        bool, typer.Option("--phi", help="Also show the patients' IDs and names.")
    ] = False,
    ca: Authorities = None,
    allow_http: AllowHttp = False,
    as_json: AsJson = False,
) -> None:
    """List the series of an archive that match, the newest study first."""
    with _opened(archive, ca, allow_http) as opened:
        found = _found(opened, patient, date, modality, study, series)
    for one in found:
        print_result(_row(one, phi), _line(one, phi), as_json)
    if not found:
        print_note(f"{opened.settings.address}: {NONE}")


@app.command(cls=RecipeCommand)
def get(
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    archive: Address = "",
    patient: Patient = "",
    date: Date = "",
    modality: Modality = None,
    study: Study = "",
    series: Series = "",
    ca: Authorities = None,
    allow_http: AllowHttp = False,
    as_json: AsJson = False,
) -> None:
    """Get the objects of all series that match into a folder.

    Each object becomes a file OUT/SERIES/OBJECT.dcm, named after its UIDs, when it is
    complete. The same command goes on where it was interrupted. The files are as the
    archive has them, with the patient's name.
    """
    from napari_motionseg.io.archive_retrieval import retrieve_job

    if not (patient or date or study or series):
        raise SettingsError(
            "say what to get: --patient, --date, --study or --series; motionseg "
            "archive find lists what there is"
        )
    with _opened(archive, ca, allow_http) as opened:
        found = _found(opened, patient, date, modality, study, series)
        if not found:
            raise SettingsError(f"{opened.settings.address}: {NONE}")
        results = run_job(retrieve_job(opened, found, out), "Getting", stoppable=True)
    for result in results:
        files = [str(path) for path in result.files]
        row = {**_row(result.series, False), "files": files, "new": result.new}
        home = out / result.series.series
        line = f"{home}: {len(files)} objects, {result.new} of them new"
        print_result(row, line, as_json)


@app.command(cls=RecipeCommand)
def put(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="DICOM files, or folders of them."),
    ],
    archive: Address = "",
    ca: Authorities = None,
    allow_http: AllowHttp = False,
    as_json: AsJson = False,
) -> None:
    """Send DICOM files to an archive: segmentations, captures, loops.

    The archive files each object by the patient and the study that stand in it. It is
    asked afterwards whether it has the object, unless it says so itself.
    """
    from napari_motionseg.io.archive_storage import store_job
    from napari_motionseg.io.deidentification import files_below

    files = files_below(paths)
    if not files:
        raise SettingsError("there is no DICOM file in PATH")
    with _opened(archive, ca, allow_http) as opened:
        stored = run_job(store_job(opened, files), "Sending")
    for one in stored:
        row = {
            "source": str(one.path), "study": one.study, "series": one.series,
            "instance": one.instance,
        }  # fmt: skip
        print_result(row, f"{one.path}: stored as {one.instance}", as_json)


@app.command(cls=RecipeCommand)
def login(
    archive: Address = "",
    user: Annotated[
        str, typer.Option(help="Name of the user; without it, a token is asked for.")
    ] = "",
    ca: Authorities = None,
    allow_http: AllowHttp = False,
) -> None:
    """Ask for a password or a token, try it, and keep it in the system's keyring."""
    from napari_motionseg.io.archive_address import (
        Credentials,
        archive_settings,
        keep_credentials,
    )
    from napari_motionseg.io.archive_client import open_archive
    from napari_motionseg.io.archive_search import probe

    archive_settings(archive, ca=ca, allow_http=allow_http)  # before the question
    what = "Password" if user else "Token"
    secret = typer.prompt(what, hide_input=True, err=True)
    known = Credentials(secret, user)
    settings = archive_settings(
        archive, credentials=known, ca=ca, allow_http=allow_http
    )
    with open_archive(settings) as opened:
        probe(opened)
    keep_credentials(settings.address, known)
    print_note(f"{settings.address}: signed in; the keyring keeps it")


@app.command(cls=RecipeCommand)
def logout(archive: Address = "") -> None:
    """Remove what the system's keyring keeps for an archive."""
    from napari_motionseg.environment import chosen_archive
    from napari_motionseg.io.archive_address import checked_address, keep_credentials

    address = checked_address(archive or chosen_archive())
    keep_credentials(address, None)
    print_note(f"{address}: the keyring keeps nothing for it")


def _opened(address: str, ca: Path | None, allow_http: bool) -> Archive:
    from napari_motionseg.io.archive_address import archive_settings
    from napari_motionseg.io.archive_client import open_archive

    settings: ArchiveSettings = archive_settings(address, ca=ca, allow_http=allow_http)
    return open_archive(settings)


def _found(
    archive: Archive,
    patient: str,
    date: str,
    modality: list[str] | None,
    study: str,
    series: str,
) -> list[FoundSeries]:
    from napari_motionseg.io.archive_search import MODALITIES, Wanted, find_series

    given = tuple(modality) if modality else MODALITIES
    return find_series(archive, Wanted(patient, date, given, study, series))


def _row(one: FoundSeries, phi: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "study": one.study, "series": one.series, "modality": one.modality,
        "date": one.date, "time": one.time, "description": one.description,
        "instances": one.instances,
    }  # fmt: skip
    if phi:
        row |= {"patient_id": one.patient_id, "patient_name": one.patient_name}
    return row


def _line(one: FoundSeries, phi: bool) -> str:
    count = "?" if one.instances is None else one.instances
    words = [
        f"{one.date} {one.time}", one.modality, f"{count} objects", one.description,
        f"--study {one.study} --series {one.series}",
    ]  # fmt: skip
    if phi:
        words.insert(0, f"{one.patient_id} {one.patient_name}")
    return "  ".join(word for word in words if word.strip())
