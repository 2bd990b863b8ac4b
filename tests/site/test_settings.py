"""site_config: site.toml -> what a site is made with, or an error that says what to mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from reportgen.core.errors import UsageError
from reportgen.site import settings as site_settings
from reportgen.site.settings import SiteConfig

FULL = """
title = "Our reports"
blurb = "A split, read by a model."
base_url = "https://example.org/reports"
reports = ["runs/*", "more"]
order = "title"
per_page = 12
downloads = true
language = "en-GB"
[notes]
demo-0 = "Sure, and wrong."
"""


def load(tmp_path: Path, text: str) -> SiteConfig:
    """Read *text* as site.toml."""
    path = tmp_path / "site.toml"
    path.write_text(text, encoding="utf-8")
    return site_settings.load(path)


def test_every_key_is_read(tmp_path: Path) -> None:
    assert load(tmp_path, FULL) == SiteConfig(
        title="Our reports",
        blurb="A split, read by a model.",
        base_url="https://example.org/reports/",
        reports=("runs/*", "more"),
        order="title",
        per_page=12,
        downloads=True,
        notes={"demo-0": "Sure, and wrong."},
        language="en-GB",
    )


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    assert load(tmp_path, "") == SiteConfig()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("titel = 'x'", ('unknown key "titel"', "did you mean title?")),
        ("title = 3", ("title = '3' has the wrong type", "expected: a string")),
        ("title = ' '", ("title: it is empty", "expected: a string")),
        ("downloads = 1", ("downloads", "true or false")),
        ("per_page = true", ("per_page", "an integer")),
        ("per_page = 0", ("per_page: must be 1 to 1,000", "an integer")),
        ("reports = 'runs/*'", ("reports", "a list of patterns")),
        ("reports = [1]", ("reports", "a list of patterns")),
        ("reports = ['']", ("a pattern is empty", "a list of patterns")),
        ("notes = ['x']", ("notes", "a table")),
        ("[notes]\na = 1", ("notes", "a table")),
        ("order = 'intrest'", ("'intrest' is unknown; did you mean interest?", "one of interest, title")),
        ("language = 'e'", ("language: must be a language code", "a string")),
        ("title = ", ("is not TOML", "")),
        ("a = " + "[" * 5000, ("is not TOML", "")),
    ],
)
def test_what_is_wrong_is_named_with_what_is_wanted(text: str, words: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, text)
    assert words[0] in caught.value.message
    assert "site.toml" in caught.value.message
    assert words[1] in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("example.org/reports", "must start with https://"),
        ("file:///srv/site", "must start with https://"),
        ("https://", "must start with https://"),
        ("https://me:secret@example.org/", "it contains a user"),
        ("https://example.org/?a=b", "nothing may follow its path"),
        ("https://example.org/#top", "nothing may follow its path"),
        ("https://example.org/a/../b/", "its path is not plain"),
        ("https://example.org:port/", "Port could not be cast"),
        ("https://example.org/a b/", "characters that addresses cannot have"),
        ('https://example.org/"><script>/', "characters that addresses cannot have"),
        ("https://example.org/\u202e/", "characters that addresses cannot have"),
    ],
)
def test_an_address_that_is_none_is_refused(address: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        SiteConfig(base_url=address.rstrip("/") + "/" if "?" not in address and "#" not in address else address)
    assert "secret" not in caught.value.message


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        site_settings.load(tmp_path / "none.toml")
    (tmp_path / "site.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="is not TOML"):
        site_settings.load(tmp_path / "site.toml")
