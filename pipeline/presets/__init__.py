"""Named configurations, one TOML file each, and single values that override them."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.config import Config, config_from, config_keys
from pipeline.failure import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEFAULT = "default"
_FOLDER = Path(__file__).parent


def preset_names() -> list[str]:
    """Names that `load` takes."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load(preset: str, assignments: Sequence[str]) -> Config:
    """A preset's configuration with single values replaced, later ones winning.

    Args:
        preset: One of `preset_names`.
        assignments: `KEY=VALUE` each, with a dotted key such as `training.epochs=5`.

    Raises:
        UsageError: The preset or a key is unknown, or a value does not fit.
    """
    if preset not in preset_names():
        known = ", ".join(preset_names())
        raise UsageError(f"{preset!r} is not a preset: there are {known}.")
    values = tomllib.loads((_FOLDER / f"{preset}.toml").read_text(encoding="utf-8"))
    of_split = values.pop("of_split", {})
    given = dict(_parse(assignment) for assignment in assignments)
    # What is known of a query, and what is a good model, depends on the split.
    method = given.get("split.method", values["split"]["method"])
    for section, replaced in of_split.get(method, {}).items():
        values[section].update(replaced)
    for key, value in given.items():
        section, name = key.split(".")
        values.setdefault(section, {})[name] = value
    return config_from({"preset": preset, **values})


def described(config: Config) -> dict[str, Any]:
    """A configuration for the record.

    Args:
        config: The configuration.

    Returns:
        `preset`, its name; `values` by section and key; and `changes` by dotted key: the preset's
        value and the one here, where they differ. A preset that is none has no changes.
    """
    values = config.model_dump(mode="json")
    changes: dict[str, tuple[Any, Any]] = {}
    if config.preset in preset_names():
        method = f"split.method={config.split.method}"
        of_split, as_it_is = (load(config.preset, given) for given in ([method], []))
        expected = of_split.model_dump(mode="json")
        # What the preset has for another split is no change of the preset; that split is one.
        expected["split"]["method"] = as_it_is.split.method
        changes = {
            f"{section}.{key}": (expected[section][key], value)
            for section, found in values.items()
            if section != "preset"
            for key, value in found.items()
            # Where downloads are kept is a matter of the machine.
            if value != expected[section][key] and (section, key) != ("data", "cache")
        }
    return {"preset": values.pop("preset"), "values": values, "changes": changes}


def _parse(assignment: str) -> tuple[str, Any]:
    key, equals, text = assignment.partition("=")
    key = key.strip()
    if not equals:
        raise UsageError(f"{assignment!r} is not KEY=VALUE, such as training.epochs=5.")
    if key not in config_keys():
        raise UsageError(f"{key!r} is not a configuration key{_suggestion(key)}.")
    try:
        return key, tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return key, text.strip()  # a bare word, such as the name of an optimizer


def _suggestion(key: str) -> str:
    by_last_part = [known for known in config_keys() if known.split(".")[1] == key.split(".")[-1]]
    close = by_last_part + difflib.get_close_matches(key, config_keys(), n=3)
    if not close:
        return f"; there are {', '.join(config_keys())}"
    return f": did you mean {' or '.join(dict.fromkeys(close))}"
