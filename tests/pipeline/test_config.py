import dataclasses
from pathlib import Path

import pytest

from components.evaluator.gate import GateBounds
from components.example_gen.splits import SplitSpec
from components.serving.indexes.options import IndexOptions
from components.trainer.hyperparameters import Hyperparameters
from pipeline import presets
from pipeline.config import Config, GateSection, SplitSection, config_keys
from pipeline.failure import UsageError


def test_every_preset_is_valid_complete_and_described() -> None:
    for name in presets.preset_names():
        config = presets.load(name, [])
        text = (Path(presets.__file__).parent / f"{name}.toml").read_text(encoding="utf-8")
        header = [line for line in text.splitlines() if line.startswith("#")]
        assert any(f"--preset {name}" in line for line in header)
        written = {line.split(" = ")[0] for line in text.splitlines() if " = " in line}
        of_places = ("beam.", "metadata.", "artifacts.", "local.")
        keys = [key for key in config_keys() if not key.startswith(of_places)]
        missing = {key.split(".")[1] for key in keys} - written
        missing -= {"cache", "slices", "slice_floors", "trials", "distribution"}  # of a user
        missing -= {"users", "kind", "min_recall", "max_latency_ratio", "seen_table"}
        assert not missing, (name, missing, config)


def test_the_notebook_preset_is_the_notebooks_model() -> None:
    training = presets.load("notebook", []).training
    assert isinstance(training, Hyperparameters)
    assert (training.embedding_dimension, training.optimizer) == (32, "adagrad")
    assert (training.learning_rate, training.batch_size, training.epochs) == (0.1, 2048, 3)
    choices = (training.logq_correction, training.candidate_bias, training.candidate_features)
    assert choices == (False, False, False)
    assert training.patience == 0


def test_sections_have_the_fields_of_what_they_become() -> None:
    for section, dataclass in ((SplitSection, SplitSpec), (GateSection, GateBounds)):
        assert list(section.model_fields) == [f.name for f in dataclasses.fields(dataclass)]


def test_assignments_are_typed_and_the_last_one_wins() -> None:
    config = presets.load(
        "default",
        [
            "training.epochs=3",
            "training.epochs=4",
            "training.learning_rate=1",
            "training.candidate_bias=false",
            "training.optimizer=adagrad",
            'split.method="last"',
        ],
    )
    assert config.training.epochs == 4
    assert config.training.learning_rate == 1.0
    assert isinstance(config.training.learning_rate, float)
    assert config.training.candidate_bias is False
    assert config.training.optimizer == "adagrad"
    assert config.split.method == "last"


def test_paths_do_not_depend_on_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = presets.load("default", ["data.source=raw", "data.cache=kept"]).data
    assert (data.source, data.cache) == (str(tmp_path / "raw"), tmp_path / "kept")
    assert presets.load("default", []).data.source == "tfds:movielens/100k"
    assert presets.load("default", []).data.cache.is_absolute()


@pytest.mark.parametrize(
    ("assignment", "sentence"),
    [
        ("training.epoch=3", r"'training\.epoch' is not a configuration key.*training\.epochs"),
        ("epochs=3", r"'epochs' is not .* did you mean training\.epochs"),
        ("colour=red", r"'colour' is not .* there are data\.source"),
        ("training.epochs", r"is not KEY=VALUE"),
        ("training.epochs=many", r"training\.epochs cannot be 'many'.*integer"),
        ("training.epochs=2.5", r"training\.epochs cannot be '2\.5'.*integer"),
        ("training.epochs=0", r"epochs is 0, not at least 1"),
        ("training.optimizer=sgd", r"'sgd' is not one of adagrad, adam"),
        ("training.candidate_bias=perhaps", r"training\.candidate_bias cannot be 'perhaps'"),
        ("split.method=half", r"split\.method cannot be 'half'.*'random', 'temporal' or 'last'"),
        ("split.eval_fraction=1", r"split\.eval_fraction cannot be '1'.*less than 1"),
        ("gate.min_top_100_accuracy=7", r"gate\.min_top_100_accuracy cannot be '7'"),
        ("gate.max_repeated_top_10_share=1", r"gate\.max_repeated_top_10_share cannot be '1'"),
        ("gate.min_coverage_at_100=0", r"gate\.min_coverage_at_100 cannot be '0'"),
        ("index.kind=faiss", r"index\.kind cannot be 'faiss'.*'auto', 'brute_force', 'ivf' or 'sc"),
        ("index.min_recall=1", r"index\.min_recall cannot be '1'.*less than 1"),
        ("index.max_latency_ratio=0", r"index\.max_latency_ratio cannot be '0'.*greater than 0"),
        ("serving.seen_table=maybe", r"serving\.seen_table cannot be 'maybe'"),
        ("tuning.trials=0", r"tuning\.trials cannot be '0'.*greater than or equal to 1"),
        ("tuning.seed=0", r"tuning\.seed cannot be '0'.*greater than or equal to 1"),
        ("evaluation.slices=['mood']", r"mood is no slice; there are query_activity"),
        (
            "gate.slice_floors=[{slice='mood', value='good', min_unseen_top_100_accuracy=0.1, "
            "min_rows=1}]",
            r"gate\.slice_floors names the slice 'mood'",
        ),
        ("gate.slice_floors=[{slice='user_gender'}]", r"gate\.slice_floors\.0\.value"),
    ],
)
def test_a_wrong_assignment_is_told_in_one_sentence(assignment: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence) as caught:
        presets.load("default", [assignment])
    assert "\n" not in str(caught.value)


def test_a_model_that_has_to_know_who_asks_needs_the_seen_table() -> None:
    assert not presets.load("default", ["serving.seen_table=false"]).serving.seen_table
    with pytest.raises(UsageError, match=r"seen_table is false.*set training\.query_id=false"):
        presets.load("notebook", ["serving.seen_table=false"])


def test_the_index_has_the_kinds_and_the_defaults_of_its_options() -> None:
    section = presets.load("default", []).index
    options = IndexOptions()
    assert (section.kind, section.min_recall) == (options.kind, options.min_recall)


def test_an_unknown_preset_is_told_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="'best' is not a preset: there are cold_start, default"):
        presets.load("best", [])


def test_a_config_is_described_by_what_it_changes_in_its_preset() -> None:
    as_it_is = presets.described(presets.load("default", []))
    assert (as_it_is["preset"], as_it_is["changes"]) == ("default", {})
    assert as_it_is["values"]["training"]["epochs"] == 8
    assert "preset" not in as_it_is["values"]

    given = ["training.epochs=3", "split.method=last", "training.patience=2", "split.seed=42"]
    described = presets.described(presets.load("default", given))
    # patience is 0 in the preset of this split, and the seed is as it was.
    assert described["changes"] == {
        "split.method": ("random", "last"),
        "training.epochs": (8, 3),
        "training.patience": (0, 2),
    }
    assert described["values"]["split"]["valid_fraction"] == 0.05
    assert presets.described(Config())["changes"] == {}
