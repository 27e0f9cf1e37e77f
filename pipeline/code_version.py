"""Fingerprints the code behind a component, so that editing it invalidates the component's cache.

TFX's cache key has the dotted name of an executor, not its source. Each component therefore takes a
`code_version`, made here from the sources of its module and of all it imports of this project.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

OWN_PACKAGES = ("components",)
_DEFAULT_ROOT = Path(__file__).resolve().parents[1]
_DOTTED_NAME = re.compile(r"^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+$")


def source_fingerprint(module_name: str, root: Path = _DEFAULT_ROOT) -> str:
    """SHA-256 (hexadecimal) over the sources of a module and of its own-package imports.

    Imports are followed transitively, at whatever depth of the code they stand; a string that names
    a module or its member, as TFX takes functions to run, counts as an import.

    Args:
        module_name: Dotted name of a module in one of `OWN_PACKAGES`.
        root: Folder that holds those packages.

    Raises:
        ValueError: There is no such module.
    """
    digest = hashlib.sha256()
    for name in imported_modules(module_name, root):
        source = _source_path(name, root)
        assert source is not None, name
        digest.update(f"{name}\n{hashlib.sha256(source.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def imported_modules(module_name: str, root: Path = _DEFAULT_ROOT) -> list[str]:
    """Sorted names of a module, its packages and all it imports of `OWN_PACKAGES`."""
    if _source_path(module_name, root) is None:
        raise ValueError(f"no module {module_name!r} in {root}")
    found: set[str] = set()
    waiting = [module_name]
    while waiting:
        name = waiting.pop()
        source = _source_path(name, root)
        if name in found or source is None:
            continue
        found.add(name)
        waiting.extend(_with_parents(name))
        is_package = source.name == "__init__.py"
        for referred in _references(source.read_text("utf-8"), name, is_package):
            if referred.split(".")[0] in OWN_PACKAGES:
                waiting.extend(_with_parents(referred))
    return sorted(found)


def _with_parents(name: str) -> list[str]:
    """`a.b.c` runs the `__init__` of `a` and `a.b` too."""
    parts = name.split(".")
    return [".".join(parts[: length + 1]) for length in range(len(parts))]


@functools.lru_cache(maxsize=1024)
def _references(source: str, module_name: str, is_package: bool) -> tuple[str, ...]:
    return tuple(_walk(ast.parse(source), module_name, is_package))


def _walk(tree: ast.AST, module_name: str, is_package: bool) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(node, module_name, is_package)
            yield origin
            # What is imported may be a module itself; if not, no file answers to its name.
            yield from (f"{origin}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _DOTTED_NAME.findall(node.value)


def _origin(node: ast.ImportFrom, module_name: str, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = module_name.split(".")
    kept = len(parts) - node.level + (1 if is_package else 0)
    return ".".join(parts[:kept] + ([node.module] if node.module else []))


def _source_path(name: str, root: Path) -> Path | None:
    path = root.joinpath(*name.split("."))
    for source in (path / "__init__.py", path.with_name(path.name + ".py")):
        if source.is_file():
            return source
    return None
