"""Get uv, at the one version that the project is tested with."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from setup.failure import SetupError

PIP_WHEEL = "pip-25.0.1-py3-none-any.whl"
PIP_SHA256 = "c46efd13b6aa8279f33f2864459c8ce587ea6a1a59ee20de055868d8f7688f7f"


def pinned_version(requirement: str) -> str:
    """The version in the text of the pinned requirement of uv."""
    match = re.search(r"^uv==(\S+)", requirement, re.MULTILINE)
    if match is None:
        raise SetupError("requirements/bootstrap/uv.txt pins no uv; restore it with git checkout.")
    return match.group(1)


def ensure_uv(root: Path) -> Path:
    """The path of the pinned uv, installed under .setup if it is not yet there."""
    folder = root / "requirements" / "bootstrap"
    requirement = folder / "uv.txt"
    target = root / ".setup" / f"uv-{pinned_version(requirement.read_text())}"
    executable = target / "bin" / "uv"
    if executable.exists():
        return executable
    wheel = folder / PIP_WHEEL
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != PIP_SHA256:
        raise SetupError(f"{wheel} is not the file it should be; restore it with git checkout.")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="uv-") as folder_name:
        fresh = Path(folder_name) / "uv"
        command = [sys.executable, str(wheel / "pip"), "install", "--quiet", "--no-deps"]
        command += ["--disable-pip-version-check", "--no-warn-script-location"]
        command += ["--only-binary", ":all:", "--require-hashes", "--target", str(fresh)]
        command += ["--requirement", str(requirement)]
        result = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(os.environ, PIP_USER="0"),
            check=False,
        )
        if result.returncode != 0:
            log = root / ".setup" / "bootstrap.log"
            log.write_bytes(result.stdout)
            raise SetupError(
                f"pip could not fetch uv (its words are in {log}); check the network and pip's "
                "configuration, then try again."
            )
        if target.exists():
            shutil.rmtree(target)
        fresh.rename(target)
    return executable
