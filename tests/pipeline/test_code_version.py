import shutil
from pathlib import Path

import pytest

from pipeline.code_version import imported_modules, source_fingerprint

PROJECT = Path(__file__).resolve().parents[2]
COMPONENTS = (
    *("example_gen", "example_validator", "transform", "tuner", "trainer"),
    *("peers", "peer_evaluator", "evaluator", "pusher"),
)
_MODELS = {"tuner", "trainer", "peers", "peer_evaluator", "evaluator"}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    shutil.copytree(
        PROJECT / "components",
        tmp_path / "components",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    return tmp_path


def fingerprints(root: Path) -> dict[str, str]:
    return {name: source_fingerprint(f"components.{name}.component", root) for name in COMPONENTS}


def changed_by_editing(root: Path, file: str) -> set[str]:
    before = fingerprints(root)
    path = root / file
    path.write_text(path.read_text(encoding="utf-8") + "\nEDITED = True\n", encoding="utf-8")
    after = fingerprints(root)
    return {name for name in COMPONENTS if before[name] != after[name]}


@pytest.mark.parametrize(
    ("file", "users"),
    [
        ("components/__init__.py", set(COMPONENTS)),
        ("components/datasets/movielens.py", set(COMPONENTS) - {"pusher", "example_validator"}),
        ("components/datasets/delimited.py", {"example_gen"}),
        ("components/trainer/query_tower.py", {"tuner", "trainer"}),
        ("components/trainer/executor.py", {"trainer"}),
        ("components/tuner/search.py", {"tuner"}),
        ("components/evaluator/metrics.py", {"peer_evaluator", "evaluator"}),
        ("components/evaluator/gate.py", {"evaluator"}),
        ("components/peers/item_knn.py", {"peers"}),
        ("components/serving/export.py", {"tuner", "trainer", "peers"}),
        ("components/serving/interface.py", _MODELS),
        ("components/pusher/__init__.py", {"pusher"}),
        ("components/pusher/executor.py", {"pusher"}),
        # Named to Transform by a string, and imported by what trains and evaluates.
        ("components/transform/preprocessing.py", _MODELS | {"transform"}),
    ],
)
def test_editing_a_module_changes_the_components_that_use_it(
    tree: Path, file: str, users: set[str]
) -> None:
    assert changed_by_editing(tree, file) == users


def test_editing_any_module_changes_the_components_that_import_it(tree: Path) -> None:
    users = {
        name: set(imported_modules(f"components.{name}.component", tree)) for name in COMPONENTS
    }
    for path in sorted((tree / "components").rglob("*.py")):
        file = path.relative_to(tree)
        name = ".".join(file.with_suffix("").parts).removesuffix(".__init__")
        expected = {component for component in COMPONENTS if name in users[component]}
        assert changed_by_editing(tree, str(file)) == expected, file


def test_the_same_sources_elsewhere_have_the_same_fingerprint(tree: Path) -> None:
    assert fingerprints(tree) == fingerprints(PROJECT)


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_every_way_to_import_is_followed(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "components/__init__.py": "",
            "components/a/__init__.py": "from .b import value",
            "components/a/start.py": (
                "import os\n"
                "import components.plain as p\n"
                "from components import member\n"
                "from . import sibling\n"
                "from ..other.deep import something\n"
                "NAME = 'components.named.function'\n"
                "PROSE = 'see components.prose.thing for more'\n"
                "def late():\n    from components.lazy import x\n"
            ),
            "components/a/b.py": "value = 1",
            "components/a/sibling.py": "import components.a.start",
            "components/plain.py": "",
            "components/member.py": "",
            "components/lazy.py": "",
            "components/named.py": "",
            "components/prose.py": "",
            "components/other/__init__.py": "",
            "components/other/deep.py": "",
            "components/unused.py": "",
            "pipeline/__init__.py": "",
        },
    )
    names = [
        name.removeprefix("components.")
        for name in imported_modules("components.a.start", tmp_path)
    ]
    assert names == [
        "components",
        "a",
        "a.b",
        "a.sibling",
        "a.start",
        "lazy",
        "member",
        "named",
        "other",
        "other.deep",
        "plain",
    ]


def test_an_unknown_module_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no module 'components\.absent'"):
        source_fingerprint("components.absent", tmp_path)
