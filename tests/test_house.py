"""The layout of the repository: questions on top of studies/, no import circles, small folders, tests that mirror them.

Reads the sources as syntax trees and imports none of them. The layers themselves are contracts in pyproject.toml.
"""

import ast
import functools
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("ablations", "resnet_lab", "analysis", "studies", "benchmarks")
MAX_MODULES = 17
CROWDED: Mapping[str, str] = {"studies": "one module for each question, by the name that its command has"}
"""Folders with more than MAX_MODULES modules, each with the reason why it is one folder."""
DIALECT = re.compile(
    r"\b(told|tells?|telling|anew|beside|books|ledgers?|keepers?|door|house|clinic|heal(s|ed|ing)?|crew|orders|"
    r"freedom|so many|means? nothing)\b",
    re.IGNORECASE,
)
"""Words that a first line does not use: the field has nouns of its own for what they say."""
NOT_MIRRORED: Mapping[str, str] = {
    "tests/studies/runner/test_driver_of_a_fleet.py": "the driver, when nodes are lost and no slot is left",
    "tests/test_house.py": "the repository itself",
    "tests/test_contributing.py": "CONTRIBUTING.md",
    "tests/test_wheel.py": "the distribution that users install",
    "tests/faults/test_books.py": "experiment databases locked, damaged, full, made by several at once",
    "tests/faults/test_cache.py": "damage, malice and lack of room in the user's cache",
    "tests/faults/test_hostile_files.py": "checkpoints, data and names that mean harm",
    "tests/faults/test_kills_and_power.py": "signals and power cuts, real processes and real files",
    "tests/faults/test_limits.py": "numbers out of bounds, full disks, lack of memory",
    "tests/faults/test_trial_folder.py": "any sequence of faults in a trial's folder",
    "tests/golden/test_unchanged.py": "the commands, against a recording of what they did before",
    "tests/ablations/test_space.py": "the whole space of switches",
    "tests/analysis/report/test_browser.py": "the page and MLflow's links in a real browser",
    "tests/resnet_lab/engine/test_reference_loop.py": "both engines against a plain loop",
    "tests/resnet_lab/interchange/test_command.py": "python -m resnet_lab.interchange",
    "tests/resnet_lab/train/test_main.py": "python -m resnet_lab.train",
    "tests/resnet_lab/networks/test_by_hand.py": "placements against a network written by hand",
    "tests/resnet_lab/networks/test_torchvision.py": "the baseline against independent networks",
    "tests/studies/cli/test_resume.py": "SIGKILL of a worker and of a driver, then the same command",
    "tests/studies/test_studies.py": "every question straight under studies/",
}
"""Test files whose subject is no module, each with its subject."""


def path_of(name: str) -> Path:
    return ROOT / name


@functools.cache
def modules() -> dict[str, Path]:
    """Return {dotted name: file} of every package; a package goes by its own name."""
    files = [path for package in PACKAGES for path in sorted(path_of(package).rglob("*.py"))]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in files}


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def run_time_imports(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield imports that run at some time, those inside functions too, but none under `if TYPE_CHECKING`."""
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        for child in node.orelse:
            yield from run_time_imports(child)
        return
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield node
    for child in ast.iter_child_nodes(node):
        yield from run_time_imports(child)


def targets(node: ast.Import | ast.ImportFrom, known: Iterable[str]) -> set[str]:
    """Return which of the known modules an import statement runs. Imports are absolute."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names} & set(known)
    inner = {f"{node.module}.{alias.name}" for alias in node.names} & set(known)
    return inner or {node.module or ""} & set(known)


@functools.cache
def arrows() -> dict[str, frozenset[str]]:
    """Return {module: the modules it imports at run time}."""
    known = modules()
    return {
        name: frozenset(to for node in run_time_imports(parsed(path)) for to in targets(node, known) if to != name)
        for name, path in known.items()
    }


def circles(graph: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Return the strongly connected components of more than one module (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    components: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for to in graph[name]:
            if to not in index:
                visit(to)
                low[name] = min(low[name], low[to])
            elif to in stack:
                low[name] = min(low[name], index[to])
        if low[name] == index[name]:
            start = stack.index(name)
            components.append(sorted(stack[start:]))
            del stack[start:]

    for name in graph:
        if name not in index:
            visit(name)
    return [component for component in components if len(component) > 1]


def questions() -> list[str]:
    """Return the modules straight under studies/, but for the entry of `python -m studies`."""
    inner = [name for name, path in modules().items() if path.parent == path_of("studies") and name != "studies"]
    return [name for name in inner if name != "studies.__main__"]


def test_circles_are_found_where_there_are_some():
    assert circles({"a": ["b"], "b": ["c"], "c": ["b", "d"], "d": []}) == [["b", "c"]]
    assert circles({"a": ["b", "c"], "b": ["c"], "c": []}) == []


def test_imports_for_types_alone_do_not_run_and_lazy_ones_do():
    source = "if TYPE_CHECKING:\n    import a\nelse:\n    import b\ndef f():\n    from c import d"
    assert [ast.unparse(node) for node in run_time_imports(ast.parse(source))] == ["import b", "from c import d"]


def test_no_module_imports_relatively():
    relative = re.compile(r"^\s*from \.", re.MULTILINE)
    assert [name for name, path in modules().items() if relative.search(path.read_text())] == []


def test_no_import_goes_in_a_circle():
    assert circles(arrows()) == []


@pytest.mark.parametrize("name", questions())
def test_the_top_of_studies_holds_questions_and_nothing_else(name):
    tree = parsed(modules()[name])
    assigned = [target.id for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    assert "STUDY" in assigned
    text = ast.get_docstring(tree) or ""
    assert "?" in text.splitlines()[0]
    assert f"python -m {name}" in text
    assert "Expect" in text


def test_questions_are_imported_by_nobody():
    asked = set(questions())
    assert asked
    importers = {name: sorted(to & asked) for name, to in arrows().items() if to & asked}
    assert {name: to for name, to in importers.items() if not name.startswith("benchmarks.")} == {}, "a benchmark may"


def test_no_folder_is_crowded():
    sizes = {}
    for path in modules().values():
        folder = str(path.parent.relative_to(ROOT))
        sizes[folder] = sizes.get(folder, 0) + (path.name != "__init__.py")
    assert {folder for folder, size in sizes.items() if size > MAX_MODULES} == set(CROWDED)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_says_what_it_is_in_its_first_line(package):
    wrong = {}
    for name, path in modules().items():
        first = (ast.get_docstring(parsed(path)) or "").partition("\n")[0]
        words = [match[0] for match in DIALECT.finditer(first)]
        if name.partition(".")[0] == package and (words or not first):
            wrong[name] = words or "has no docstring"
    assert wrong == {}


def test_test_files_mirror_the_modules():
    names = [str(path.relative_to(ROOT)) for path in sorted(path_of("tests").rglob("test_*.py"))]
    lost = [name for name in names if name not in NOT_MIRRORED and not mirrored(name)]
    assert lost == []
    assert [name for name in NOT_MIRRORED if not path_of(name).is_file() or mirrored(name)] == []


def mirrored(test: str) -> bool:
    """Return whether tests/a/test_b.py or tests/a/test_b_aspect.py stands for a module a/b.py or a package a/b/."""
    inner = Path(test).relative_to("tests")
    words = inner.stem.removeprefix("test_").split("_")
    subjects = [ROOT / inner.with_name("_".join(words[:count])) for count in range(1, len(words) + 1)]
    return any(path.with_suffix(".py").is_file() or (path / "__init__.py").is_file() for path in subjects)


COMMANDS = {"pytest-xdist": "--numprocesses", "ruff": "/ruff ", "mypy": "/mypy", "import-linter": "/lint-imports"}
"""Development packages that are run and not imported, each with what `make` calls of it."""
EXTRAS = {"pynvml": "nvidia-ml-py"}
"""Modules of extras, which need not be installed, by the distributions that bring them."""
LIBRARIES = "## Written by hand, and the library that could"
LONG = 60


def listed(extra: str = "") -> set[str]:
    """Return the distributions that pyproject.toml lists."""
    project = tomllib.loads(path_of("pyproject.toml").read_text())["project"]
    entries = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return {re.split(r"[<>=~!\[; ]", entry)[0].lower() for entry in entries}


def imported(*folders: str) -> set[str]:
    """Return the distributions whose modules the files of these folders import."""
    known = metadata.packages_distributions()
    files = [path for folder in folders for path in path_of(folder).rglob("*.py")]
    statements = [node for path in files for node in ast.walk(parsed(path))]
    names = [alias.name for node in statements if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in statements if isinstance(node, ast.ImportFrom)]
    tops = {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {*PACKAGES, "tests", ""}
    # mlflow's modules come with its skinny and its whole distribution.
    return {min((each.lower() for each in known.get(top, [EXTRAS.get(top, top)])), key=len) for top in tops}


def test_nothing_is_listed_that_is_not_imported_and_nothing_imported_that_is_not_listed():
    assert imported("ablations", "resnet_lab", "analysis", "studies") == listed() | listed("ray") | listed("gpu")
    makefile = path_of("Makefile").read_text()
    unused = listed("dev") - imported("tests", "benchmarks") - set(COMMANDS)
    assert {name for name in unused if not name.endswith("-stubs")} == set()
    assert [name for name, words in COMMANDS.items() if words not in makefile] == []
    assert imported("tests", "benchmarks") <= listed() | listed("dev") | listed("ray") | listed("gpu")


def test_every_long_module_is_part_of_a_row_of_the_table_of_libraries():
    table = path_of("benchmarks/NOTES.md").read_text().partition(LIBRARIES)[2].partition("\n## ")[0]
    places = re.findall(r"`((?:ablations|resnet_lab|analysis|studies)/[^`]*)`", table)
    assert [place for place in places if not path_of(place).exists()] == []
    long = [
        str(path.relative_to(ROOT))
        for name, path in modules().items()
        if not name.startswith("benchmarks") and len(path.read_text().splitlines()) > LONG
    ]
    assert [name for name in long if name not in questions_files() and not any(map(name.startswith, places))] == []


def questions_files() -> set[str]:
    """Return the files straight under studies/, which are declarations."""
    return {str(modules()[name].relative_to(ROOT)) for name in questions()}
