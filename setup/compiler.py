"""A C++ compiler for the one package that has to be built, on a machine that has none."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from setup.interpreter import Facts
from setup.stack import Stack
from setup.uv import run_uv

REMEDY = (
    "the stack needs a C++ compiler and could not fetch one; install one, for example with "
    "apt-get install g++, then try again"
)


def is_missing(stack: Stack, facts: Facts) -> bool:
    """Whether a compiler that the interpreter builds its extensions with is not to be found."""
    return stack.compiles and not all(map(shutil.which, facts.compilers))


@contextmanager
def borrowed(uv: Path, interpreter: str, root: Path, lock: int) -> Iterator[dict[str, str]]:
    """Fetch Zig, which compiles C++, and yield the variables that make a build use it."""
    with tempfile.TemporaryDirectory(dir=root / ".setup", prefix="compiler-") as folder:
        install = ["pip", "install", "--quiet", "--require-hashes", "--target", folder]
        install += ["--python", interpreter, "-r", str(root / "requirements" / "compiler.txt")]
        run_uv(uv, install, root, lock, REMEDY)
        zig = Path(folder) / "ziglang" / "zig"
        yield {
            "CC": f"{zig} cc",
            "CXX": f"{zig} c++",
            "ZIG_GLOBAL_CACHE_DIR": f"{folder}/cache",
            "ZIG_LOCAL_CACHE_DIR": f"{folder}/cache",
        }
