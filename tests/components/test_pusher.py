"""The Pusher: what is pushed, what is not, and that a killed push leaves nothing behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf
from tfx.types import standard_artifacts

from components.pusher import executor, version_folder
from tests.components.steps import new_artifact, new_infra_blessing


def _model(folder: Path, content: str) -> Any:
    artifact = new_artifact(standard_artifacts.Model, folder)
    saved = folder / "Format-Serving" / "variables"
    saved.mkdir(parents=True)
    (saved / "data").write_text(content)
    (saved.parent / "saved_model.pb").write_text("graph")
    return artifact


def _push(model: Any, base: Path, output: Path, blessed: int = 1, servable: bool = True) -> Any:
    blessing = new_artifact(standard_artifacts.ModelBlessing, output / "blessing")
    blessing.set_int_custom_property("blessed", blessed)
    (output / "blessing" / ("BLESSED" if blessed else "NOT_BLESSED")).touch()
    pushed = new_artifact(standard_artifacts.PushedModel, output / "pushed")
    executor.Executor().Do(
        {
            "model": [model],
            "model_blessing": [blessing],
            "infra_blessing": [new_infra_blessing(output, servable)],
        },
        {"pushed_model": [pushed]},
        {"base_directory": str(base), "config": "{}", "code_version": ""},
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
    checksums = [a.get_string_custom_property("tree_sha256") for a in (first, again, other)]
    assert checksums == [
        version_folder.tree_sha256(str(base / str(version)))
        for version in (versions[0], versions[0], versions[1])
    ]


def test_never_pushes_an_unblessed_model(tmp_path: Path) -> None:
    model = _model(tmp_path / "model", "a")
    for place, blessings in enumerate(((0, True), (1, False), (0, False))):
        pushed = _push(model, tmp_path / "serving", tmp_path / str(place), *blessings)
        assert pushed.get_string_custom_property("outcome") == "not_blessed"
        assert pushed.get_int_custom_property("pushed") == 0
        assert not pushed.has_custom_property("tree_sha256")
        assert not (tmp_path / "serving").exists()


def test_version_grows_even_if_the_clock_goes_back(tmp_path: Path) -> None:
    base = tmp_path / "serving"
    (base / "99999999999").mkdir(parents=True)
    assert (
        version_folder.push(_model(tmp_path / "m", "a").uri + "/Format-Serving", str(base))
        == 10**11
    )


def test_killed_push_is_not_a_version_and_is_cleaned_up(tmp_path: Path) -> None:
    base = tmp_path / "serving"
    (base / ".17.incomplete").mkdir(parents=True)
    assert version_folder.current_version(str(base)) is None
    _push(_model(tmp_path / "model", "a"), base, tmp_path / "1")
    assert [path.name.isdigit() for path in base.iterdir()] == [True]


def test_never_pushes_a_model_that_was_not_judged(tmp_path: Path) -> None:
    blessing = new_artifact(standard_artifacts.ModelBlessing, tmp_path / "blessing")
    blessing.set_int_custom_property("blessed", 1)
    (tmp_path / "blessing" / "BLESSED").touch()
    judged = {"model_blessing": [blessing], "infra_blessing": [new_infra_blessing(tmp_path)]}
    for place, missing in enumerate(judged):
        pushed = new_artifact(standard_artifacts.PushedModel, tmp_path / f"pushed-{place}")
        given = {name: found for name, found in judged.items() if name != missing}
        executor.Executor().Do(
            {"model": [_model(tmp_path / f"model-{place}", "a")], **given},
            {"pushed_model": [pushed]},
            {"base_directory": str(tmp_path / "serving"), "config": "{}", "code_version": ""},
        )
        assert pushed.get_string_custom_property("outcome") == "not_blessed"
        assert not (tmp_path / "serving").exists()


def test_a_push_to_an_object_store(tmp_path: Path) -> None:
    base, model = f"ram://{tmp_path.name}/serving", _model(tmp_path / "model", "a").uri
    assert version_folder.current_version(base) is None
    version = version_folder.push(f"{model}/Format-Serving", base)
    assert version_folder.current_version(base) == version
    assert version_folder.same_tree(f"{model}/Format-Serving", f"{base}/{version}")
    checksums = [
        version_folder.tree_sha256(folder)
        for folder in (f"{model}/Format-Serving", f"{base}/{version}")
    ]
    assert checksums[0] == checksums[1]
    # A push that was killed there leaves a version without the file that is written last.
    tf.io.gfile.makedirs(f"{base}/{version + 5}")
    with tf.io.gfile.GFile(f"{base}/{version + 5}/fingerprint.pb", "w") as stream:
        stream.write("half")
    assert version_folder.current_version(base) == version
    again = version_folder.push(f"{base}/{version}", base)
    assert sorted(tf.io.gfile.listdir(base)) == sorted([str(version), str(again)])
    local = tmp_path / "local"
    back = version_folder.push(f"{base}/{again}", str(local))
    assert version_folder.same_tree(f"{model}/Format-Serving", str(local / str(back)))
