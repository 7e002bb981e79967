"""Names and values of settings that are mistakes: a server that starts elsewhere than it was told tells nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from dayfile.environment import is_of_a_service, read_file
from dayfile.errors import Unusable
from dayfile.settings import Settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, in which a `.env` may be."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("DAYFILE_DATA_DRI", "DAYFILE_DATA_DIR"),
        ("DAYFILE_DATADIR", "DAYFILE_DATA_DIR"),
        ("DAYFILE_POTR", "DAYFILE_PORT"),
        ("DAYFILE_SECRETKEY", "DAYFILE_SECRET_KEY"),
        ("dayfile_quota_day", "DAYFILE_QUOTA_DAYS"),
        ("DAYFILE_ACCOUNTSID", "DAYFILE_ACCOUNT_SID"),
    ],
)
def test_a_misspelled_name_is_an_error_wherever_it_is(
    name: str, meant: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was ignored, and the server started in ./data."""
    (folder / ".env").write_text(f"{name}=1\n")
    with pytest.raises(Unusable, match=f"{name.upper()} in .env: there is no such setting, did you mean {meant}"):
        Settings.read()
    (folder / ".env").unlink()
    monkeypatch.setenv(name, "1")
    with pytest.raises(Unusable, match=f"{name}: there is no such setting, did you mean {meant}"):
        Settings.read()


def test_an_unknown_name_is_an_error_in_the_file_and_strange_in_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is Dayfile's own; the environment is everybody's, and other programs may use the prefix."""
    monkeypatch.setenv("DAYFILE_BACKUP_BUCKET", "x")
    Settings.read()
    assert [one.partition(" ")[0] for one in Settings.names().strange] == ["DAYFILE_BACKUP_BUCKET"]
    (folder / ".env").write_text("DAYFILE_BACKUP_BUCKET=x\nOTHER=1\nDAYFILE_URL=http://localhost:8080\n")
    with pytest.raises(Unusable) as refused:
        Settings.read()
    assert str(refused.value).splitlines()[1:] == ["  DAYFILE_BACKUP_BUCKET in .env: there is no such setting"]


def test_what_kubernetes_sets_for_a_service_is_nobody_s_mistake(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Service named dayfile, and one named dayfile-db, put a dozen variables into every pod of the namespace."""
    for name, value in {
        "DAYFILE_PORT": "tcp://10.96.12.7:8080",
        "DAYFILE_SERVICE_HOST": "10.96.12.7",
        "DAYFILE_SERVICE_PORT": "8080",
        "DAYFILE_SERVICE_PORT_HTTP": "8080",
        "DAYFILE_PORT_8080_TCP": "tcp://10.96.12.7:8080",
        "DAYFILE_PORT_8080_TCP_ADDR": "10.96.12.7",
        "DAYFILE_PORT_8080_TCP_PORT": "8080",
        "DAYFILE_PORT_8080_TCP_PROTO": "tcp",
        "DAYFILE_DB_SERVICE_HOST": "10.96.12.8",
        "DAYFILE_DB_PORT": "tcp://10.96.12.8:5432",
    }.items():
        assert is_of_a_service(name, value)
        monkeypatch.setenv(name, value)
    assert Settings.read().port == 8080
    (strange,) = Settings.names().strange
    assert "enableServiceLinks" in strange
    (folder / ".env").write_text("DAYFILE_PORT=9000\n")
    assert Settings.read().port == 9000


def test_all_problems_are_told_together_and_in_words(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who mends one mistake should not meet the next, nor the words of a library."""
    (folder / ".env").write_text("DAYFILE_DATA_DRI=x\n")
    wrong = {
        "DAYFILE_PORT": ("many", "must be a whole number; got 'many'"),
        "DAYFILE_QUOTA_DAYS": ("-1", "must be at least 0; got '-1'"),
        "DAYFILE_LEASE_SECONDS": ("99999", "must be at most 3600; got '99999'"),
        "DAYFILE_START_MAILS": ("perhaps", "must be on or off; got 'perhaps'"),
        "DAYFILE_FIELDS": ("some", "must be 'export' or 'full'; got 'some'"),
        "DAYFILE_PUBLIC_URL": ("https://logs.example/api", "must be http:// or https:// with a host"),
        "DAYFILE_STORAGE_URL": ("ftp://host", "must be file:///FOLDER, s3://BUCKET/PREFIX"),
        "DAYFILE_DATABASE_URL": ("mysql://u:hunter2@h/d", "must begin with sqlite:/// or postgresql://"),
        "DAYFILE_SECRET_KEY": ("hunter2", "must be hexadecimal digits"),
    }
    for name, (value, _) in wrong.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Unusable) as refused:
        Settings.read()
    first, *lines = str(refused.value).splitlines()
    assert first == "these settings cannot be used:"
    assert len(lines) == len(wrong) + 1
    for name, (_, words) in wrong.items():
        assert any(line.strip().startswith(name) and words in line for line in lines), (name, lines)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("url", ["nonsense", "postgresql+nothing://h/d", "sqlite://", "oracle://h/d"])
def test_a_database_that_cannot_be_spoken_to_is_told_like_every_setting(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library's error ended in a trace."""
    monkeypatch.setenv("DAYFILE_DATABASE_URL", url)
    with pytest.raises(Unusable, match="DAYFILE_DATABASE_URL: the d"):
        Settings.read()


def test_white_space_around_a_value_is_none_of_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A value that was read from a file ends with a line feed: the folder would have it in its name."""
    monkeypatch.setenv("DAYFILE_DATA_DIR", f" {tmp_path}\n")
    monkeypatch.setenv("DAYFILE_SECRET_KEY", "ab" * 32 + "\n")
    monkeypatch.setenv("DAYFILE_FIELDS", "full\r\n")
    read = Settings.read()
    assert (read.data_dir, read.fields) == (tmp_path, "full")


@pytest.mark.parametrize("content", [b"DAYFILE_HOST=\xff\n", None])
def test_a_file_that_cannot_be_read_is_named(content: bytes | None, folder: Path) -> None:
    """A folder of that name is none of Dayfile's; bytes that are not UTF-8 are no settings."""
    if content is None:
        (folder / ".env").mkdir()
        Settings.read()
        return
    (folder / ".env").write_bytes(content)
    with pytest.raises(Unusable, match=r"\.env of the folder .* cannot be read as settings"):
        Settings.read()


def test_a_file_that_cannot_even_be_looked_for_is_named_with_its_folder(folder: Path) -> None:
    """The service's user, in a folder of root's, was told of `.env`, but not where it is or what to do."""
    with pytest.raises(Unusable, match=f"of the folder {folder} cannot be read .* run the command in another folder"):
        read_file(Path("x" * 300))  # no system allows such a name; permissions would not stop root
