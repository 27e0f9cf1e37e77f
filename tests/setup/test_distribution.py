"""The wheel that a container installs."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from setup.environment import ROOT

PACKAGES = ("components", "pipeline", "schema")
DATA = (
    "schema/*.pbtxt",
    "pipeline/presets/*.toml",
    "pipeline/**/*.html",
    "components/**/*.txt",
)


def test_the_wheel_holds_the_product_and_nothing_else(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    shutil.copy(ROOT / "pyproject.toml", source)
    shutil.copy(ROOT / "LICENSE", source)
    for package in PACKAGES:
        if (ROOT / package).exists():
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / package, source / package, ignore=ignore)
    expected = {
        str(path.relative_to(source))
        for package in PACKAGES
        for pattern in ("**/*.py",)
        for path in (source / package).glob(pattern)
    }
    expected |= {str(path.relative_to(source)) for glob in DATA for path in source.glob(glob)}

    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--wheel-dir", str(tmp_path), str(source)]
    subprocess.run(command, check=True, capture_output=True, text=True)

    (wheel,) = tmp_path.glob("tfx_tfrs_retrieval-*-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    inside = {name for name in names if ".dist-info/" not in name}
    assert expected
    assert expected - inside == set()
    assert {name.split("/")[0] for name in inside} <= set(PACKAGES)
    assert any(name.endswith("/LICENSE") for name in names)
