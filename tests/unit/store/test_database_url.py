"""URLs of state databases: the spellings that mean PostgreSQL, and what is never shown."""

from __future__ import annotations

import sys

import pytest

from dayfile.errors import Unusable
from dayfile.store.database_url import file_of, full_url, shown_url


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_means_the_same(scheme: str) -> None:
    """Hosters give out the first, PostgreSQL's own tools take the second, and SQLAlchemy wants the third."""
    assert full_url(f"{scheme}://u:p%40@h:5433/d?sslmode=require") == (
        "postgresql+psycopg://u:p%40@h:5433/d?sslmode=require"
    )
    assert file_of(f"{scheme}://u@h/d") is None


def test_a_password_is_not_shown_wherever_it_is() -> None:
    """Messages and logs are read by others than those who may read the database."""
    assert shown_url("postgresql+psycopg://u:hunter2@h/d") == "postgresql://u:***@h/d"
    assert "hunter2" not in shown_url("postgresql://u@h/d?password=hunter2&sslpassword=hunter2")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://u:hunter2@h", "must name a database"),
        ("postgresql://u:hunter2@h:port/d", "must be one such as"),
        ("postgresql+psycopg2://u:hunter2@h/d", "must begin with sqlite:/// or postgresql://"),
        ("sqlite:///:memory:", "must name a SQLite file"),
    ],
)
def test_another_url_is_refused_with_the_rule(url: str, words: str) -> None:
    """A typing error is told at the start, and never with the password in it."""
    with pytest.raises(Unusable, match=words) as refused:
        full_url(url)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("missing", ["psycopg", "greenlet"])
def test_an_installation_without_the_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """It is the first thing that whoever moves to PostgreSQL meets."""
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(Unusable, match=r"run `pip install 'dayfile\[postgresql\]'`"):
        full_url("postgresql://u@h/d")
