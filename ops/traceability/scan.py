"""Finds the rule and obligation ids that tests name.

A Python test names what stands in its name (`test_r4_…`), its docstring, its comments, its
decorators and its body; what stands elsewhere in the file (its docstring, a table of cases)
is named by the file as a whole. A scenario in YAML names what its `rules:` list holds.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_ID = re.compile(r"(?<![A-Za-z0-9])([RS][1-9]\d?)(?![\d])")
_IN_NAME = re.compile(r"(?<=_)([rs][1-9]\d?)(?=_|$)")
_TITLES = ("name", "title", "id", "scenario")


@dataclass(frozen=True, slots=True)
class Test:
    """A test and the ids that it names; `name` is empty for the file as a whole."""

    __test__ = False  # no test class of pytest's

    file: str
    name: str
    names: frozenset[str]


def scan(folder: Path) -> Iterator[Test]:
    """Every test under the folder that names something, in the order of files and lines."""
    for path in sorted(folder.rglob("*")):
        file = path.relative_to(folder.parent).as_posix()
        if path.name.startswith("test_") and path.suffix == ".py":
            yield from python_tests(file, path.read_text(encoding="utf-8"))
        elif path.suffix in (".yaml", ".yml"):
            yield from scenarios(file, path.read_text(encoding="utf-8"))


def python_tests(file: str, text: str) -> Iterator[Test]:
    """The tests of a Python file, the file as a whole first."""
    lines = text.splitlines()
    rest = list(lines)
    found: list[Test] = []
    for function in _test_functions(ast.parse(text)):
        start, end = _span(function, lines)
        names = set(_ids("\n".join(lines[start:end])))
        names |= {name.upper() for name in _IN_NAME.findall(function.name)}
        rest[start:end] = [""] * (end - start)
        if names:
            found.append(Test(file, function.name, frozenset(names)))
    of_the_file = frozenset(_ids("\n".join(rest)))
    if of_the_file:
        yield Test(file, "", of_the_file)
    yield from found


def scenarios(file: str, text: str) -> Iterator[Test]:
    """The scenarios of a YAML file: every mapping with a `rules:` list."""
    for document in yaml.safe_load_all(text):
        yield from _scenarios(file, document)


def _scenarios(file: str, value: Any) -> Iterator[Test]:
    if isinstance(value, list):
        for item in value:
            yield from _scenarios(file, item)
    elif isinstance(value, dict):
        names = frozenset(_ids(" ".join(map(str, value.get("rules") or ()))))
        if names:
            title = next((str(value[key]) for key in _TITLES if key in value), "")
            yield Test(file, title, names)
        for key, item in value.items():
            if key != "rules":
                yield from _scenarios(file, item)


def _ids(text: str) -> list[str]:
    return _ID.findall(text)


_Function = ast.FunctionDef | ast.AsyncFunctionDef


def _test_functions(tree: ast.AST) -> Iterator[_Function]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, _Function) and node.name.startswith("test_"):
            yield node
        elif isinstance(node, ast.ClassDef):
            yield from _test_functions(node)


def _span(function: _Function, lines: list[str]) -> tuple[int, int]:
    """Lines of a function, with its decorators and the comment right above it."""
    start = min([function.lineno, *(one.lineno for one in function.decorator_list)]) - 1
    while start > 0 and lines[start - 1].lstrip().startswith("#"):
        start -= 1
    return start, function.end_lineno or function.lineno
