"""The commit of the code that runs."""

from __future__ import annotations

import dataclasses
import functools
import os
import subprocess
from pathlib import Path

from absl import logging

# Set by whoever builds an image, which has the code but no repository.
COMMIT_VARIABLE = "SOURCE_COMMIT"
_ROOT = Path(__file__).resolve().parents[2]
# What runs; a changed document or test makes no other model.
_CODE = ("components", "pipeline", "schema", "runner.py")


@dataclasses.dataclass(frozen=True)
class SourceState:
    """Which code runs.

    Attributes:
        commit: Hash of the commit.
        modified: Whether files of the code differ from it.
    """

    commit: str
    modified: bool


@functools.lru_cache(maxsize=1)
def running_source() -> SourceState | None:
    """The state of the code when this process first asked; None where there is no repository.

    The environment variable `SOURCE_COMMIT` goes before Git: a hash, with `+` after it if modified.
    """
    given = os.environ.get(COMMIT_VARIABLE)
    if given:
        return SourceState(given.removesuffix("+"), given.endswith("+"))
    return checkout_state(_ROOT)


def checkout_state(root: Path) -> SourceState | None:
    """The state of a checkout; None where there is none, or it does not hold this code.

    Args:
        root: Folder of the code.
    """
    try:
        # Installed packages may lie in the checkout of something else.
        tracked = _git(root, "ls-files", "--", "runner.py")
        if not tracked:
            return None
        commit = _git(root, "rev-parse", "HEAD")
        status = _git(root, "status", "--porcelain", "--", *_CODE)
    except FileNotFoundError:
        logging.warning("There is no git, so the commit of the code is not recorded.")
        return None
    except subprocess.CalledProcessError as error:
        logging.warning("The commit of the code is not recorded: %s", error.stderr.strip())
        return None
    return SourceState(commit, bool(status))


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "--no-optional-locks", "-C", str(root), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return result.stdout.strip()
