"""The Pusher: what is pushed, what is not, and that a killed push leaves nothing behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfx.types import standard_artifacts

from components.pusher import executor
from tests.components.steps import new_artifact


def _model(folder: Path, content: str) -> Any:
    artifact = new_artifact(standard_artifacts.Model, folder)
    saved = folder / "Format-Serving" / "variables"
    saved.mkdir(parents=True)
    (saved / "data").write_text(content)
    (saved.parent / "saved_model.pb").write_text("graph")
    return artifact


def _push(model: Any, base: Path, output: Path, blessed: int = 1) -> Any:
    blessing = new_artifact(standard_artifacts.ModelBlessing, output / "blessing")
    blessing.set_int_custom_property("blessed", blessed)
    (output / "blessing" / ("BLESSED" if blessed else "NOT_BLESSED")).touch()
    pushed = new_artifact(standard_artifacts.PushedModel, output / "pushed")
    executor.Executor().Do(
        {"model": [model], "model_blessing": [blessing]},
        {"pushed_model": [pushed]},
        {"base_directory": str(base), "code_version": ""},
    )
    return pushed


def test_pushes_a_new_model_and_not_the_same_again(tmp_path: Path) -> None:
    base, model = tmp_path / "serving", _model(tmp_path / "model", "a")
    first = _push(model, base, tmp_path / "1")
    again = _push(model, base, tmp_path / "2")
    other = _push(_model(tmp_path / "other", "b"), base, tmp_path / "3")
    outcomes = [a.get_string_custom_property("outcome") for a in (first, again, other)]
    assert outcomes == ["pushed", "unchanged", "pushed"]
    versions = sorted(int(path.name) for path in base.iterdir())
    assert len(versions) == 2
    assert (base / str(versions[1]) / "variables" / "data").read_text() == "b"
    assert again.get_string_custom_property("pushed_version") == str(versions[0])


def test_never_pushes_an_unblessed_model(tmp_path: Path) -> None:
    pushed = _push(_model(tmp_path / "model", "a"), tmp_path / "serving", tmp_path / "1", 0)
    assert pushed.get_string_custom_property("outcome") == "not_blessed"
    assert pushed.get_int_custom_property("pushed") == 0
    assert not (tmp_path / "serving").exists()


def test_version_grows_even_if_the_clock_goes_back(tmp_path: Path) -> None:
    base = tmp_path / "serving"
    (base / "99999999999").mkdir(parents=True)
    assert executor.push(_model(tmp_path / "m", "a").uri + "/Format-Serving", str(base)) == 10**11


def test_killed_push_is_not_a_version_and_is_cleaned_up(tmp_path: Path) -> None:
    base = tmp_path / "serving"
    (base / ".17.incomplete").mkdir(parents=True)
    assert executor.current_version(str(base)) is None
    _push(_model(tmp_path / "model", "a"), base, tmp_path / "1")
    assert [path.name.isdigit() for path in base.iterdir()] == [True]
