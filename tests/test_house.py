"""The house rules that no linter knows, as tests. CONTRIBUTING.md gives them in words."""

from __future__ import annotations

import ast
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import ROOT, BeyondThisMachine

PACKAGE = ROOT / "src" / "dayfile"
DOCUMENTED = (
    "client",
    "demo",
    "model",
    "store",
    "files",
    "objects",
    "accounts",
    "intake",
    "sealing",
    "exports",
    "delivery",
    "checks",
)

FILE_LINES = 400
FUNCTION_LINES = 40
FORBIDDEN_WORDS = frozenset(
    {"util", "utils", "common", "helper", "helpers", "manager", "base", "misc", "handler", "processor"}
)

TIME = re.compile(
    r"datetime\.(datetime|date)\.(now|utcnow|today)"
    r"|time\.(time|monotonic|perf_counter|sleep|localtime|gmtime|process_time)(_ns)?"
)
RANDOMNESS = re.compile(r"(random|secrets)(\..*)?|uuid\.uuid[14]|os\.(urandom|getrandom)")

RELATIVES = "What|How|Whether|Those|Whoever|Whatever|Where|Who|Whose|When|Which|Why|If"

# Machines, registries and folders of whoever works on Dayfile have no place in it.
FOREIGN = re.compile(
    r"(?<![\w.])/(?:work|home|root|Users|opt)/|/tmp/\w|\.\./shared|pypi\.org|python[h]osted|registry\.(npmjs|yarnpkg)"
)


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


EVERYTHING = _sources("src", "tests", "bench", "tools")
PRODUCT = _sources("src")
# A migration is a list of statements, written once and never read as a story.
READ = [path for path in EVERYTHING if "migrations" not in path.parts]


def _committed() -> list[str]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: there is no list of the project's files")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607 - whichever git there is
    return [name for name in listed.stdout.split("\0") if name]


def test_every_file_has_one_noun() -> None:
    """Beyond 400 lines a file is about two things, and nobody finds the second."""
    lengths = {_name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in READ}
    assert {name: length for name, length in lengths.items() if length > FILE_LINES} == {}


def test_small_files_that_one_other_imports_say_why_they_are_apart() -> None:
    """A reader of the one must open the other as well: that is worth it for a reason, or they are one file."""
    command = [sys.executable, str(ROOT / "tools" / "figures.py"), "--json"]
    figures = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    lonely = figures["of fewer than 60 lines, imported by one"]
    docstrings = {name: " ".join((ast.get_docstring(_tree(PACKAGE / name)) or "").split()) for name in lonely}
    assert [name for name, docstring in docstrings.items() if "Apart, because " not in docstring] == []


def test_every_function_fits_a_screen() -> None:
    """Forty lines can be read at once; what is longer hides a second thought."""
    too_long = [
        f"{_name(path)}:{node.lineno} {node.name} has {length} lines"
        for path in READ
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES
    ]
    assert too_long == []


def test_names_say_what_a_thing_is() -> None:
    """A module, folder or class called after nothing attracts everything."""
    folders = {folder for path in EVERYTHING for folder in path.parents if folder.is_relative_to(ROOT)}
    named = [(_name(path), path.stem.split("_")) for path in {*EVERYTHING, *folders} - {ROOT}]
    named += [
        (f"{_name(path)}: {node.name}", re.findall("[A-Z][a-z]+", node.name))
        for path in PRODUCT
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.ClassDef)
    ]
    assert sorted(name for name, words in named if FORBIDDEN_WORDS & {word.lower() for word in words}) == []


def test_folders_export_nothing() -> None:
    """Imports name the module, so that each name has one home; only the library for other programs exports names."""
    libraries = {PACKAGE, PACKAGE / "client"}
    inits = [path for path in PRODUCT if path.name == "__init__.py" and path.parent not in libraries]
    busy = [_name(path) for path in inits if any(not isinstance(node, ast.Expr) for node in _tree(path).body)]
    assert busy == []


def test_only_the_clock_knows_the_time() -> None:
    """Code that gets the time as an argument can be tested at any time, and one host cannot disagree with itself."""
    assert _uses(TIME, allowed="clock.py") == []


def test_only_the_service_makes_randomness() -> None:
    """One source of randomness: everything below it can be run again and gives the same."""
    assert _uses(RANDOMNESS, allowed="service.py") == []


def _uses(forbidden: re.Pattern[str], *, allowed: str) -> list[str]:
    return [
        f"{_name(path)}:{line} {name}"
        for path in PRODUCT
        if path != PACKAGE / allowed
        for line, name in _foreign_names(_tree(path))
        if forbidden.fullmatch(name)
    ]


def _foreign_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every dotted name that comes from an import, spelled from the imported module on."""
    imported: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            # `import a.b` binds a, `import a.b as c` binds a.b to c.
            heads = ((a.asname, a.name) if a.asname else (a.name.partition(".")[0],) * 2 for a in node.names)
            imported |= dict(heads)
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    for node in ast.walk(tree):
        spelled = _dotted(node)
        head, _, rest = spelled.partition(".")
        if head in imported:
            yield getattr(node, "lineno", 0), f"{imported[head]}.{rest}" if rest else imported[head]


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := _dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""


def test_values_are_frozen() -> None:
    """A change is a new value: nobody has to ask who else holds this one."""
    open_ones = [
        f"{_name(path)}:{node.lineno} {node.name}"
        for path in PRODUCT
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.ClassDef)
        for decorator in node.decorator_list
        if "dataclass" in ast.unparse(decorator) and "frozen=True, slots=True" not in ast.unparse(decorator)
    ]
    assert open_ones == []


def test_public_names_below_the_faces_promise_something() -> None:
    """A caller must not have to read a body to know what it gives, raises or leaves alone."""
    protocols = {name for path in PRODUCT for name in _promised_by_protocols(_tree(path))}
    silent = [
        f"{_name(path)}:{node.lineno} {node.name}"
        for folder in DOCUMENTED
        for path in READ
        if path.is_relative_to(PACKAGE / folder)
        for node in _public_functions(_tree(path))
        if ast.get_docstring(node) is None and node.name not in protocols
    ]
    assert silent == []


def test_docstrings_begin_with_a_verb_or_a_noun() -> None:
    """One that begins with "What" or "Those" makes its reader wait for the verb."""
    assert _beginning_with(f"{RELATIVES}|As|That", PRODUCT) == []


@pytest.mark.parametrize("folder", ["bench", "tests", "tools"])
def test_docstrings_beside_the_product_begin_so_too(folder: str) -> None:
    """A test is read as often as the code; the reason why it matters is a sentence, which "As" or "That" may begin."""
    assert _beginning_with(RELATIVES, _sources(folder)) == []


def _beginning_with(words: str, paths: list[Path]) -> list[str]:
    """Return each docstring that begins with one of the words, in modules, classes and functions or below a name."""
    beginning = re.compile(rf"\s*({words})(?![-\w])")  # a header is called If-None-Match
    return [
        f"{_name(path)}:{node.lineno} {node.value.value.strip().splitlines()[0]}"
        for path in paths
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        if beginning.match(node.value.value)
    ]


def _promised_by_protocols(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any("Protocol" in ast.unparse(parent) for parent in node.bases):
            yield from (f.name for f in node.body if isinstance(f, ast.FunctionDef) and ast.get_docstring(f))


def _public_functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node
        # What a class of a library asks its children to define, that library describes.
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and not node.bases:
            yield from (f for f in node.body if isinstance(f, ast.FunctionDef) and _is_public_method(f))


def _is_public_method(node: ast.FunctionDef) -> bool:
    """A property is a noun: its name and its type say what it is."""
    is_property = any("property" in ast.unparse(decorator) for decorator in node.decorator_list)
    return not is_property and not node.name.startswith("_")


def test_imports_go_down_only() -> None:
    """The drawing of the layers is executed: a shortcut through them fails here."""
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_is_committed_that_tools_leave_behind() -> None:
    """Caches and recorded crashes are of one machine and one moment; a recorded example becomes a test instead."""
    committed = _committed()
    kept_out = {line.rstrip("/") for line in (ROOT / ".gitignore").read_text().splitlines() if "*" not in line}
    assert [name for name in committed if kept_out.intersection(Path(name).parts)] == []
    own = {"src", "tests", "docs", "bench", "tools", "requirements", "deploy", ".ci"}
    assert {Path(name).parts[0] for name in committed if "/" in name} <= own


def test_nothing_names_a_place_outside_the_project() -> None:
    """A path or host of one machine works there and nowhere else, and says more than anybody asked for."""
    found = [
        f"{name}: {hit.group()}"
        for name in _committed()
        if (ROOT / name).is_file()
        for hit in FOREIGN.finditer((ROOT / name).read_text(encoding="utf-8", errors="replace"))
    ]
    assert found == []


def test_no_test_reaches_beyond_this_machine() -> None:
    """A test that needs the network fails at somebody else's whim; the guard in conftest.py must be able to bite."""
    with pytest.raises(BeyondThisMachine):
        socket.create_connection(("192.0.2.1", 9))
    with pytest.raises(BeyondThisMachine):
        socket.getaddrinfo("example.com", 80)
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass
