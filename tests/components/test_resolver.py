"""The baseline: latest, blessed, of the same split, and never the candidate itself."""

from __future__ import annotations

import ml_metadata as mlmd
import pytest
from ml_metadata.proto import metadata_store_pb2
from tfx.types import standard_artifacts

from components.resolver.latest_other_blessed_model import LatestOtherBlessedModel

_CONNECTION = metadata_store_pb2.ConnectionConfig(
    fake_database=metadata_store_pb2.FakeDatabaseConfig()
)


def _model(identity: int, split: str = "random", interface: int = 2) -> standard_artifacts.Model:
    model = standard_artifacts.Model()
    model.id = identity
    model.set_string_custom_property("split", split)
    model.set_int_custom_property("interface", interface)
    return model


def _blessing(model: int, blessed: int = 1) -> standard_artifacts.ModelBlessing:
    blessing = standard_artifacts.ModelBlessing()
    blessing.set_int_custom_property("current_model_id", model)
    blessing.set_int_custom_property("blessed", blessed)
    return blessing


@pytest.mark.parametrize(
    ("candidate", "blessed", "expected"),
    [
        (4, [1, 2], [2]),
        (2, [1, 2], [1]),
        (4, [1, 2, 3], [2]),  # 3 is of another split
        (4, [1, 2, 5], [2]),  # 5 is of another interface
        (1, [1], []),
        (4, [], []),
    ],
)
def test_latest_other_blessed_model(
    candidate: int, blessed: list[int], expected: list[int]
) -> None:
    models = [_model(1), _model(2), _model(3, "last"), _model(4), _model(5, interface=1)]
    blessings = [_blessing(m, int(m in blessed)) for m in (1, 2, 3, 4, 5)]
    resolved = LatestOtherBlessedModel().resolve_artifacts(
        mlmd.MetadataStore(_CONNECTION),
        {"candidate": [_model(candidate)], "model": models, "model_blessing": blessings},
    )
    assert resolved is not None
    assert [model.id for model in resolved["model"]] == expected
