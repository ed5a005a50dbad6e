"""The page of commands has every command, each option with its help."""

import re

import click
import pytest
import typer

site_commands = pytest.importorskip("site_commands", reason="mkdocs is not installed")


def test_every_command_has_a_section_with_its_options():
    from napari_motionseg.cli import app

    page = site_commands.page()
    sections = dict(re.findall(r"^## (.+)\n((?:(?!^## ).*\n)*)", page, re.MULTILINE))
    group = typer.main.get_command(app)
    names = set()
    for name, command in group.commands.items():
        names |= {f"{name} {one}" for one in getattr(command, "commands", [])} or {name}
    assert {f"motionseg {name}" for name in names} == set(sections)
    assert "- `--threshold" in sections["motionseg segment"]
    assert "```text\nmotionseg segment [OPTIONS]" in sections["motionseg segment"]


def test_help_opens_no_tag_and_stays_on_its_line():
    option = click.Option(["--a"], help="One\n<b>.", metavar="<x>")
    assert site_commands.item(option) == "- `--a <x>`: One &lt;b>."


def test_every_option_says_what_it_means():
    items = [line for line in site_commands.page().splitlines() if line[:2] == "- "]
    assert len(items) > 100
    assert [i for i in items if not re.fullmatch(r"- `[^`]+`: \S.*", i)] == []
