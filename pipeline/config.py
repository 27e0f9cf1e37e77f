"""The typed configuration of a run."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    ConfigDict,
    Field,
    ValidationError,
    field_serializer,
    field_validator,
    model_validator,
)

from components.evaluator.slice_names import slice_names
from components.trainer.hyperparameters import Hyperparameters
from pipeline.beam_engines import BeamSection
from pipeline.failure import UsageError
from pipeline.section import Section
from pipeline.store_server import StoreServer


class DataSection(Section):
    """Where events come from.

    Paths become absolute, so that the working directory is no part of what is cached.

    Attributes:
        source: `tfds:movielens/VERSION`, or the path or URI of a folder, a .zip or a .whl.
        cache: Folder for downloaded and extracted archives.
    """

    model_config = ConfigDict(validate_default=True)

    source: str = "tfds:movielens/100k"
    cache: Path = Path("~/.cache/tfx-tfrs-retrieval")

    @field_validator("source")
    @classmethod
    def _absolute_source(cls, source: str) -> str:
        is_path = not (source.startswith("tfds:") or "://" in source)
        return str(_absolute(Path(source))) if is_path else source

    @field_validator("cache")
    @classmethod
    def _absolute_cache(cls, cache: Path) -> Path:
        return _absolute(cache)


class SplitSection(Section):
    """How events are split, see `components.example_gen.splits.SplitSpec`."""

    method: Literal["random", "temporal", "last"] = "random"
    seed: int = Field(default=42, ge=0)
    eval_fraction: float = Field(default=0.2, gt=0, lt=1)
    valid_fraction: float = Field(default=0.1, gt=0, lt=1)
    history: Literal["train", "rolling"] = "train"
    history_length: int = Field(default=512, ge=1)
    eval_events: int = Field(default=1, ge=1)


def _slice_names() -> tuple[str, ...]:
    # Here, because definitions load Arrow, which no other command needs.
    from components.datasets.movielens import MOVIELENS

    return slice_names(MOVIELENS)


class EvaluationSection(Section):
    """How the eval split is looked at.

    Attributes:
        slices: What to slice it by, some of `components.evaluator.slice_names.slice_names`.
    """

    slices: tuple[str, ...] = Field(default_factory=_slice_names)

    @field_validator("slices")
    @classmethod
    def _known_slices(cls, slices: tuple[str, ...]) -> tuple[str, ...]:
        known = _slice_names()
        unknown = sorted(set(slices) - set(known))
        if unknown:
            raise ValueError(f"{', '.join(unknown)} is no slice; there are {', '.join(known)}")
        return slices


class SliceFloorSection(Section):
    """A floor under one slice, see `components.evaluator.gate.SliceFloor`."""

    slice: str
    value: str
    min_unseen_top_100_accuracy: float = Field(gt=0, le=1)
    min_rows: int = Field(ge=1)


class GateSection(Section):
    """What a model has to reach to be blessed, see `components.evaluator.gate.GateBounds`."""

    min_unseen_top_100_accuracy: float = Field(default=0.5, gt=0, le=1)
    min_top_100_accuracy: float = Field(default=0.33, gt=0, le=1)
    max_drop_from_baseline: float = Field(default=0.01, ge=0, lt=1)
    min_gain_over_popularity: float = Field(default=0.05, ge=0, lt=1)
    min_coverage_at_100: float = Field(default=0.3, gt=0, le=1)
    max_repeated_top_10_share: float = Field(default=0.1, gt=0, lt=1)
    max_share_in_train: float = Field(default=0.0, ge=0, lt=1)
    slice_floors: tuple[SliceFloorSection, ...] = ()


class IndexSection(Section):
    """How candidates are found, see `components.serving.indexes.options.IndexOptions`.

    Attributes:
        max_latency_ratio: Longest that an approximate index may take for a list, as a multiple of
            what ranking all candidates takes.
    """

    kind: Literal["auto", "brute_force", "ivf", "scann"] = "auto"
    min_recall: float = Field(default=0.95, gt=0, lt=1)
    max_latency_ratio: float = Field(default=1.0, gt=0)


class ServingSection(Section):
    """What is exported.

    Attributes:
        seen_table: Whether the model knows the train events of its queries, and the query features
            that it reads. Without them it cannot leave out what somebody has seen: callers send the
            events, and the features.
    """

    seen_table: bool = True


class TuningSection(Section):
    """The search of `--tune`, see `components.tuner.search`."""

    trials: int = Field(default=10, ge=1)
    seed: int = Field(default=42, ge=1)


class ReportSection(Section):
    """What the report at the end of a run shows.

    Attributes:
        users: How many example users, with ids and histories as the data have them; 0 for none.
    """

    users: int = Field(default=10, ge=0, le=100)


class MetadataSection(Section):
    """Where ML Metadata is, and what a run is called there.

    Attributes:
        url: Server, as `StoreServer.parse` takes it, dumped without its password; None for a
            database in the output folder.
        pipeline: Name of the pipeline: baselines and cached results are those of its own runs.
    """

    url: StoreServer | None = None
    pipeline: str = Field(default="movielens-retrieval", pattern="^[a-z0-9][a-z0-9-]*$")

    @field_validator("url", mode="before")
    @classmethod
    def _parsed(cls, url: object) -> object:
        return StoreServer.parse(url) if isinstance(url, str) else url

    @field_serializer("url")
    def _without_password(self, url: StoreServer | None) -> str | None:
        return str(url) if url else None


class ArtifactsSection(Section):
    """Where artifacts are.

    Attributes:
        root: URL of a folder that Beam, TFX and TensorFlow can write to, such as
            gs://bucket/folder; None for the output folder.
    """

    root: str | None = Field(default=None, pattern="^[a-z][a-z0-9]*://[^/].*[^/]$")


class LocalSection(Section):
    """How this machine is used by a run on it.

    Attributes:
        components_at_once: How many components run at the same time at most: each needs the memory
            that it would need alone.
    """

    components_at_once: int = Field(default=2, ge=1)


class Config(Section):
    """Everything a run can be told.

    Attributes:
        preset: Name of the preset that whatever is not given comes from.
    """

    preset: str = "custom"
    data: DataSection = Field(default_factory=DataSection)
    split: SplitSection = Field(default_factory=SplitSection)
    training: Hyperparameters = Field(default_factory=Hyperparameters)
    tuning: TuningSection = Field(default_factory=TuningSection)
    index: IndexSection = Field(default_factory=IndexSection)
    serving: ServingSection = Field(default_factory=ServingSection)
    evaluation: EvaluationSection = Field(default_factory=EvaluationSection)
    gate: GateSection = Field(default_factory=GateSection)
    report: ReportSection = Field(default_factory=ReportSection)
    beam: BeamSection = Field(default_factory=BeamSection)
    metadata: MetadataSection = Field(default_factory=MetadataSection)
    artifacts: ArtifactsSection = Field(default_factory=ArtifactsSection)
    local: LocalSection = Field(default_factory=LocalSection)

    @model_validator(mode="after")
    def _floors_under_evaluated_slices(self) -> Config:
        for floor in self.gate.slice_floors:
            if floor.slice not in self.evaluation.slices:
                raise ValueError(
                    f"gate.slice_floors names the slice {floor.slice!r}, which evaluation.slices "
                    "does not have"
                )
        return self

    @model_validator(mode="after")
    def _events_that_callers_can_send(self) -> Config:
        if not self.serving.seen_table and self.training.query_id:
            raise ValueError(
                "serving.seen_table is false, so that callers send events, and training.query_id "
                "is true, so that the model has to know who asks: set training.query_id=false"
            )
        return self

    @field_validator("training", mode="before")
    @classmethod
    def _only_known_keys(cls, values: Any) -> Any:
        # Pydantic ignores unknown keys of a plain dataclass.
        unknown = set(values) - set(_keys(Hyperparameters)) if isinstance(values, dict) else set()
        if unknown:
            raise ValueError(f"{', '.join(sorted(unknown))} is no hyperparameter")
        return values


def config_from(values: dict[str, Any]) -> Config:
    """Validates values by section and key.

    Raises:
        UsageError: Some value does not fit; the sentence names its key.
    """
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise UsageError("; ".join(_sentence(dict(found)) for found in error.errors())) from error


def config_keys() -> list[str]:
    """Every dotted key, such as `training.epochs`, in order of definition."""
    return [
        f"{name}.{key}"
        for name, section in Config.model_fields.items()
        if section.annotation is not str
        for key in _keys(section.annotation)
    ]


def _keys(section: Any) -> list[str]:
    if dataclasses.is_dataclass(section):
        return [field.name for field in dataclasses.fields(section)]
    return list(section.model_fields)


def _absolute(path: Path) -> Path:
    return path.expanduser().resolve()


def _sentence(error: dict[str, Any]) -> str:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{key} is not a configuration key"
    message = error["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if isinstance(error["input"], dict) or error["type"] == "value_error":
        return f"{key}: {message}"
    return f"{key} cannot be {str(error['input'])!r}: {message}"
