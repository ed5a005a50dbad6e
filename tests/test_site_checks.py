"""The checks of links and of the search find what is wrong, and nothing else."""

import check_links
import check_search
import pytest


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ("[a](docs/there.md)", ""),
        ("[a](docs/there.md#two-words)", ""),
        ("[a](docs/there.md#two-words-1)", ""),
        ("[a](#here)", ""),
        ("[a](/docs/there.md)", ""),
        ('[a](docs/there.md "title")', ""),
        ("![a](docs/picture.png)", ""),
        ("[a](https://nowhere.invalid/x.md)", ""),
        ("[a](mailto:someone@nowhere.invalid)", ""),
        ("`[a](docs/gone.md)`", ""),
        ("```\n[a](docs/gone.md)\n```", ""),
        ("[a](docs/gone.md)", "docs/gone.md: no such file"),
        ("[a](docs/there.md#gone)", "docs/there.md#gone: no such heading"),
        ("[a](docs/there.md#two-words-2)", "no such heading"),
        ("[a](docs/there.md#in-code)", "no such heading"),
        ("[a](#gone)", "#gone: no such heading"),
        ("![a](docs/gone.png)", "docs/gone.png: no such file"),
        ("[a]\n\n[a]: docs/gone.md", "docs/gone.md: no such file"),
        ('<img src="docs/gone.png">', "docs/gone.png: no such file"),
        ("[a](../outside.md)", "leads out of the repository"),
    ],
)
def test_dead_links_of_markdown_are_found(tmp_path, link, reason):
    root = tmp_path / "checkout"
    there = "# There\n\n## Two words\n\n## Two, words!\n\n```\n# In code\n```\n"
    write(root, {"README.md": f"# Here\n\n{link}\n", "docs/there.md": there})
    write(root, {"docs/picture.png": ""})
    write(tmp_path, {"outside.md": ""})
    dead, pages = check_links.dead_in_markdown(root)
    assert pages == 2
    assert len(dead) == bool(reason)
    assert not reason or reason in dead[0]
    assert not reason or dead[0].startswith("README.md: ")


def test_no_markdown_file_has_a_dead_link():
    dead, pages = check_links.dead_in_markdown(check_links.ROOT)
    assert not dead
    assert pages > 30


def test_a_checkout_without_pages_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["check_links.py", "--root", str(tmp_path)])
    assert check_links.main() == 1


@pytest.mark.parametrize(
    ("tag", "reason"),
    [
        ('<a href="other/">', ""),
        ('<a href="other/#part">', ""),
        ('<a href="other/?q=1#part">', ""),
        ('<a href="#own">', ""),
        ('<a href="https://nowhere.invalid">', ""),
        ('<a href="gone/">', "gone/: no such file"),
        ('<img src="gone.png">', "gone.png: no such file"),
        ('<a href="other/#gone">', "other/#gone: no such anchor"),
        ('<a href="#gone">', "#gone: no such anchor"),
    ],
)
def test_dead_links_of_a_site_are_found(tmp_path, tag, reason):
    write(tmp_path, {"index.html": f'<h1 id="own">A</h1>{tag}'})
    write(tmp_path, {"other/index.html": '<p id="part">B</p>'})
    dead, pages = check_links.dead_in_site(tmp_path)
    assert pages == 2
    assert len(dead) == bool(reason)
    assert not reason or dead == [f"index.html: {reason}"]


def test_words_that_the_search_does_not_find_are_named():
    entries = [
        {"location": "install/", "title": "Install", "text": "With pip."},
        {"location": "install/#devices", "title": "Devices", "text": "A GPU is used."},
        {"location": "faq/", "title": "Offline", "text": ""},
    ]
    asked = {"install": "install/", "gpu": "install/", "offline": "faq/"}
    assert not check_search.missing(entries, asked)
    asked = {"offline": "install/", "GPU": "gone/"}
    assert check_search.missing(entries, asked) == [
        "offline: install/ does not contain these words",
        "GPU: there is no page gone/",
    ]


def test_every_search_names_a_page_of_the_docs():
    for page in check_search.EXPECTED.values():
        assert (check_links.ROOT / "docs" / f"{page.strip('/')}.md").is_file()
