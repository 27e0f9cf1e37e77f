"""The choice of the stack by the machine."""

from __future__ import annotations

import pytest

from setup.failure import SetupError
from setup.stack import COMPAT, CURRENT, OVERRIDE, choose_stack, parse_glibc


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("glibc 2.36", (2, 36)),
        ("glibc 2.41", (2, 41)),
        ("glibc 2.100", (2, 100)),
        ("musl 1.2.5", None),
        ("", None),
        (None, None),
    ],
)
def test_parse_glibc(text: str | None, expected: tuple[int, int] | None) -> None:
    assert parse_glibc(text) == expected


@pytest.mark.parametrize(
    ("glibc", "environment", "expected"),
    [
        ((2, 28), {}, COMPAT),
        ((2, 36), {}, COMPAT),
        ((2, 38), {}, COMPAT),
        ((2, 39), {}, CURRENT),
        ((2, 41), {}, CURRENT),
        ((3, 0), {}, CURRENT),
        ((2, 41), {OVERRIDE: "compat"}, COMPAT),
        ((2, 41), {OVERRIDE: "current"}, CURRENT),
        ((2, 41), {OVERRIDE: ""}, CURRENT),
    ],
)
def test_stack_follows_glibc_unless_overridden(
    glibc: tuple[int, int], environment: dict[str, str], expected: object
) -> None:
    stack, reason = choose_stack(glibc, "x86_64", environment)
    assert stack is expected
    assert reason


@pytest.mark.parametrize(
    ("glibc", "machine", "environment", "message"),
    [
        (None, "x86_64", {}, "without glibc"),
        ((2, 27), "x86_64", {}, "needs glibc 2.28"),
        ((2, 41), "aarch64", {}, "aarch64"),
        ((2, 36), "x86_64", {OVERRIDE: "current"}, "needs glibc 2.39"),
        ((2, 41), "x86_64", {OVERRIDE: "newest"}, "compat or current"),
    ],
)
def test_a_machine_that_fits_no_stack_is_told_so_in_one_sentence(
    glibc: tuple[int, int] | None, machine: str, environment: dict[str, str], message: str
) -> None:
    with pytest.raises(SetupError, match=message) as caught:
        choose_stack(glibc, machine, environment)
    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text
