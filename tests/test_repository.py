"""Files for the hosting site agree with the project; workflows are safe to run."""

import re
import tomllib
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[1]
GITHUB = ROOT / ".github"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
    "project"
]
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = sorted(
    path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config"
)


def load(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def jobs(path):
    return load(path)["jobs"]


def steps(path):
    return [step for job in jobs(path).values() for step in job.get("steps", [])]


def by_name(paths):
    return [pytest.param(path, id=path.stem) for path in paths]


def test_tests_run_on_all_systems_and_every_supported_python():
    matrix = jobs(GITHUB / "workflows" / "tests.yml")["tests"]["strategy"]["matrix"]
    assert matrix["system"] == ["ubuntu-latest", "macos-latest", "windows-latest"]
    tested = matrix["python"]
    assert tested[0] == PROJECT["requires-python"].removeprefix(">=")
    named = [
        each.rpartition(" ")[2]
        for each in PROJECT["classifiers"]
        if re.fullmatch(r"Programming Language :: Python :: 3\.\d+", each)
    ]
    assert set(named) <= set(tested)
    assert "3.14" in tested


def test_nothing_but_linux_needs_apt_or_make():
    for step in steps(GITHUB / "workflows" / "tests.yml"):
        command = step.get("run", "")
        assert not re.search(r"\b(make|apt-get|xvfb-run)\b", command), command


@pytest.mark.parametrize("path", by_name(WORKFLOWS))
def test_workflows_get_no_more_rights_than_they_need(path):
    workflow = load(path)
    assert workflow["permissions"] in ({}, {"contents": "read"})
    assert "pull_request_target" not in workflow[True], (
        "it runs others' code with rights"
    )
    for name, job in workflow["jobs"].items():
        granted = job.get("permissions", {})
        writes = {scope for scope, right in granted.items() if right == "write"}
        allowed = {
            "publish": {"id-token", "attestations"}, "notes": {"contents"},
        }.get(name, set())  # fmt: skip
        assert writes <= allowed, name
        assert "uses" in job or "timeout-minutes" in job, name


@pytest.mark.parametrize("path", by_name(WORKFLOWS))
def test_actions_are_pinned_and_scripts_exist(path):
    for step in steps(path):
        action = step.get("uses")
        if action:
            assert re.search(r"@(v\d+|release/v\d+|[0-9a-f]{40})$", action), action
        for script in re.findall(r"scripts/[\w.]+", step.get("run", "")):
            assert (ROOT / script).is_file(), script
        # what others write, such as a title, must not become part of a command
        assert not re.search(r"\$\{\{\s*github\.event\.", step.get("run", ""))


def test_a_release_waits_for_tests_and_is_attested_before_it_is_published():
    release = jobs(GITHUB / "workflows" / "release.yml")
    assert release["build"]["needs"] == "tests"
    assert release["publish"]["needs"] == "build"
    assert release["publish"]["environment"] == "pypi"
    actions = [step["uses"].partition("@")[0] for step in release["publish"]["steps"]]
    assert actions.index("actions/attest-build-provenance") < actions.index(
        "pypa/gh-action-pypi-publish"
    )
    assert "secrets." not in (GITHUB / "workflows" / "release.yml").read_text()


@pytest.mark.parametrize("path", by_name(FORMS))
def test_forms_ask_for_what_a_repair_needs_and_warn_of_patients(path):
    form = load(path)
    ids = [item.get("id") for item in form["body"] if item["type"] != "markdown"]
    assert len(ids) == len(set(ids))
    if path.stem == "idea":
        return
    assert "doctor" in ids
    assert "**" in form["body"][0]["attributes"]["value"], "the warning comes first"


def test_there_are_three_forms():
    assert [path.stem for path in FORMS] == ["bug", "file", "idea"]


def test_dependabot_knows_actions_and_python():
    updates = load(GITHUB / "dependabot.yml")["updates"]
    assert {each["package-ecosystem"] for each in updates} == {"github-actions", "pip"}


def test_read_the_docs_builds_as_the_docs_job_does():
    settings = load(ROOT / ".readthedocs.yaml")
    job = jobs(GITHUB / "workflows" / "tests.yml")["docs"]
    python = next(
        s["with"]["python-version"] for s in job["steps"] if "python" in str(s)
    )
    assert settings["build"]["tools"]["python"] == python
    assert settings["mkdocs"]["fail_on_warning"]
