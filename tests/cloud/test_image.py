"""What the Dockerfile copies is enough: installed elsewhere, it runs a compiled task.

No container engine is needed: the files are picked by the Dockerfile and .dockerignore, and the
packages of the lock are those of the environment that the tests run in.
"""

from __future__ import annotations

import fnmatch
import json
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.cloud.spec_executor import image_environment

_ROOT = Path(__file__).parents[2]


def _instructions() -> list[str]:
    text = re.sub(r"^ *#.*\n", "", (_ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    return text.replace("\\\n", " ").splitlines()


def _context(folder: Path) -> Path:
    """The build context, as .dockerignore leaves it."""
    rules = [
        line for line in (_ROOT / ".dockerignore").read_text().splitlines() if line[:1] not in "#"
    ]
    assert rules[0] == "*"
    kept = [rule.removeprefix("!").rstrip("/") for rule in rules if rule.startswith("!")]
    dropped = [rule.removeprefix("**/").rstrip("/") for rule in rules[1:] if rule[0] != "!"]

    def ignored(_: str, names: list[str]) -> set[str]:
        return {name for name in names if any(fnmatch.fnmatch(name, rule) for rule in dropped)}

    for name in kept:
        if (_ROOT / name).is_dir():
            shutil.copytree(_ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy(_ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the project installed from what the build copies."""
    context = _context(tmp_path_factory.mktemp("context"))
    copied = tmp_path_factory.mktemp("build")
    for instruction in _instructions():
        match = re.fullmatch(r"COPY (?!--from)(.+) (\S+)", instruction)
        if match and match[2] != "/home/retrieval/":
            for source in match[1].split():
                whole = context / source
                if whole.is_dir():
                    shutil.copytree(whole, copied / source)
                else:
                    shutil.copy(whole, copied / source)
    environment = tmp_path_factory.mktemp("image") / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    interpreter = environment / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(interpreter), "install", "--quiet"]
    install += ["--no-deps", "--no-build-isolation", "--no-index", str(copied)]
    packages = Path(sysconfig.get_path("purelib"))
    [own] = environment.glob("lib/python3.*/site-packages")
    (own / "locked.pth").write_text(f"{packages}\n")
    subprocess.run(install, check=True)
    return interpreter


def _run(python: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**image_environment(), "HOME": str(folder)}
    return subprocess.run(
        [str(python), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_installed_package_has_its_data(python: Path, tmp_path: Path) -> None:
    code = (
        "import json, pathlib, components, pipeline, schema;"
        "print(json.dumps({package.__name__: sorted(str(path.relative_to(root))"
        " for path in root.rglob('*') if path.is_file() and path.suffix not in ('.py', '.pyc'))"
        " for package in (components, pipeline, schema)"
        " for root in [pathlib.Path(package.__path__[0])]}))"
    )
    done = _run(python, tmp_path, "-c", code)
    assert done.returncode == 0, done.stderr
    installed = json.loads(done.stdout)
    for package, names in installed.items():
        folder = _ROOT / package
        expected = [
            str(path.relative_to(folder))
            for path in folder.rglob("*")
            if path.is_file() and path.suffix not in (".py", ".pyc")
        ]
        assert names == sorted(expected), package
    assert "presets/default.toml" in installed["pipeline"]
    assert "interactions.pbtxt" in installed["schema"]


def test_a_compiled_task_runs_outside_the_checkout(
    python: Path, vertex_file: Path, tmp_path: Path
) -> None:
    spec = json.loads(vertex_file.read_text())["pipelineSpec"]
    task = spec["root"]["dag"]["tasks"]["InteractionSchema"]
    component = spec["components"]["InteractionSchema"]
    container = spec["deploymentSpec"]["executors"][component["executorLabel"]]["container"]
    parameters = {
        name: value["runtimeValue"]["constant"]
        for name, value in task["inputs"]["parameters"].items()
    }
    artifact = {
        "name": "artifacts/1",
        "type": component["outputDefinitions"]["artifacts"]["schema"]["artifactType"],
        "uri": str(tmp_path / "schema"),
    }
    executor_input = {
        "inputs": {"parameterValues": parameters},
        "outputs": {
            "artifacts": {"schema": {"artifacts": [artifact]}},
            "outputFile": str(tmp_path / "output.json"),
        },
    }
    command = [*container["command"], *container["args"]]
    assert command[0] == "python"
    arguments = [json.dumps(executor_input) if part == "{{$}}" else part for part in command[1:]]
    done = _run(python, tmp_path, *arguments)
    assert done.returncode == 0, done.stderr[-3000:]
    written = (tmp_path / "schema" / "schema.pbtxt").read_text()
    assert written == (_ROOT / "schema" / "interactions.pbtxt").read_text()
    output = json.loads((tmp_path / "output.json").read_text())
    assert output["artifacts"]["schema"]["artifacts"][0]["uri"] == str(tmp_path / "schema")


def test_the_image_is_what_it_should_be() -> None:
    instructions = _instructions()
    environment = image_environment()
    assert environment["TF_USE_LEGACY_KERAS"] == "1"
    assert environment["PATH"].startswith("/opt/retrieval/bin:")
    final = instructions[max(n for n, line in enumerate(instructions) if line[:5] == "FROM ") :]
    assert final[0] == "FROM python:${PYTHON}-slim-${DEBIAN}"
    assert "USER 10001" in final
    # Everything that pip and uv fetch is pinned by a hash.
    fetches = [line for line in instructions if re.search(r"pip (install|sync)", line)]
    for line in fetches:
        assert "--require-hashes" in line or "--no-deps" in line
    copied = {
        name.rstrip("/")
        for line in instructions
        if line.startswith("COPY ") and "--from" not in line
        for name in line.split()[1:-1]
    }
    kept = re.findall(r"^!(.+?)/?$", (_ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert copied == set(kept)
