"""Searches of the source for what may stand in one room only. Each is a function of a module's text, so that a test can
show it a bad module and see it found."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

import magflow

PACKAGE: Final = Path(magflow.__file__).parent

Finder = Callable[[str], list[str]]
"""Of a module's text: `line: what` for everything that is found."""


def modules(*, outside: tuple[str, ...] = ()) -> Iterator[Path]:
    """Every module of MagFlow but those whose path inside the package begins so."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if not path.relative_to(PACKAGE).as_posix().startswith(outside):
            yield path


def found_by(finder: Finder, *, outside: tuple[str, ...]) -> list[str]:
    """What a finder finds in all modules but these."""
    return [
        f"magflow/{path.relative_to(PACKAGE).as_posix()}:{what}"
        for path in modules(outside=outside)
        for what in finder(path.read_text())
    ]


@cache
def parsed(source: str) -> ast.Module:
    """The module's tree."""
    return ast.parse(source)


def texts(source: str) -> Iterator[tuple[int, str]]:
    """The texts of a module with their lines, docstrings left out; parts of a formatted text are one text."""
    tree = parsed(source)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
        and isinstance(node.body[0].value, ast.Constant)
    }
    inside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [part.value for part in node.values if isinstance(part, ast.Constant)]
            inside |= {id(part) for part in node.values}
            yield node.lineno, " ".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings | inside:
            yield node.lineno, node.value


def sql_like(pattern: str) -> Finder:
    """Texts that look like this statement."""
    like = re.compile(pattern, re.IGNORECASE | re.DOTALL)

    def find(source: str) -> list[str]:
        return [f"{line}: {' '.join(text.split())[:70]}" for line, text in texts(source) if like.search(text)]

    return find


def called(*names: str, of: str = "") -> Finder:
    """Methods of these names that are called, on something whose name ends like `of`: `session.commit()`."""
    receiver = re.compile(f"(^|[._])({of})$" if of else "")

    def find(source: str) -> list[str]:
        return [
            f"{node.lineno}: {ast.unparse(node)[:70]}"
            for node in ast.walk(parsed(source))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in names
            and receiver.search(ast.unparse(node.func.value).removesuffix("()"))
        ]

    return find


def attribute_written(name: str) -> Finder:
    """`anything.name = ...`, `setattr(anything, "name", ...)`, and `.values(name=...)`."""

    def is_written(node: ast.AST) -> bool:
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            flat = [one for target in targets for one in (target.elts if isinstance(target, ast.Tuple) else [target])]
            # What an object remembers of itself is no row.
            return any(
                isinstance(one, ast.Attribute)
                and one.attr == name
                and not (isinstance(one.value, ast.Name) and one.value.id == "self")
                for one in flat
            )
        if not isinstance(node, ast.Call):
            return False
        if isinstance(node.func, ast.Attribute) and node.func.attr == "values":
            return any(keyword.arg == name for keyword in node.keywords)
        return (
            isinstance(node.func, ast.Name)
            and node.func.id == "setattr"
            and any(isinstance(argument, ast.Constant) and argument.value == name for argument in node.args)
        )

    def find(source: str) -> list[str]:
        return [f"{node.lineno}: {name} is written" for node in ast.walk(parsed(source)) if is_written(node)]  # type: ignore[attr-defined]

    return find


def made_or_changed(model: str) -> Finder:
    """`Model(...)`, `insert(Model)`, `update(Model)`, `delete(Model)`."""

    def find(source: str) -> list[str]:
        return [
            f"{node.lineno}: {ast.unparse(node)[:70]}"
            for node in ast.walk(parsed(source))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and _changes(node, model)
        ]

    def _changes(node: ast.Call, model: str) -> bool:
        assert isinstance(node.func, ast.Name)
        if node.func.id == model:
            return True
        first = node.args[0] if node.args else None
        return node.func.id in {"insert", "update", "delete"} and isinstance(first, ast.Name) and first.id == model

    return find


def imports_of(module: str) -> Finder:
    """Imports of a module or of what is in it, for run time."""

    def find(source: str) -> list[str]:
        lines = []
        for node in ast.walk(parsed(source)):
            named = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                named = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            if any(name == module or name.startswith(module + ".") for name in named):
                lines.append(f"{node.lineno}: import of {module}")  # type: ignore[attr-defined]
        return lines

    return find
