"""Input is checked in one place, and a message names the field, the value and the remedy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

from problems.parameters import InputError, Parameterised, build, describe, flatten, is_sequence_field, parameter


@dataclass(frozen=True)
class Small(Parameterised):
    kind: ClassVar[str] = "small"
    width: int = parameter(3, "width", least=1)


@dataclass(frozen=True)
class Large(Parameterised):
    kind: ClassVar[str] = "large"
    depths: tuple[int, ...] = parameter((2, 2), "depths", least=1)
    mode: str = parameter("a", "mode", choices=("a", "b"))


@dataclass(frozen=True)
class Whole(Parameterised):
    name: ClassVar[str] = "whole"
    rate: float = parameter(0.5, "a rate", above=0, most=1)
    limit: float | None = parameter(None, "a limit", above=0)
    flag: bool = parameter(False, "a flag")
    part: Small | Large = parameter(Small(), "a part")


def test_whole_numbers_serve_as_floats_but_not_the_reverse() -> None:
    assert Whole(rate=1).rate == 1.0
    assert isinstance(Whole(rate=1).rate, float)
    with pytest.raises(InputError, match=r"small: parameter 'width' is 2\.5; give int"):
        Small(width=2.5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rate": 0}, r"whole: parameter 'rate' is 0\.0; it must be greater than 0 \(a rate\)"),
        ({"rate": 2}, r"it must be at most 1"),
        ({"rate": float("nan")}, r"is nan; give a finite number"),
        ({"rate": "fast"}, r"is 'fast'; give float"),
        ({"rate": True}, r"is True; give float"),
        ({"flag": 1}, r"is 1; give bool"),
        ({"rat": 0.5}, r"unknown parameter 'rat'; did you mean 'rate'\?"),
        ({"part.widht": 3}, r"small: unknown parameter 'widht'; did you mean 'width'\?"),
        ({"part": {"kind": "huge"}}, r"unknown kind 'huge'; known: large, small"),
        ({"part.kind": "large", "part.mode": "c"}, r"is 'c'; choose one of a, b"),
        ({"part.kind": "large", "part.depths": [2, 0]}, r"is 0; it must be at least 1"),
        ({"rate": 0.5, "rate.x": 1}, r"beside a plain 'rate'"),
    ],
)
def test_bad_values_are_refused_with_field_value_and_remedy(values: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build(Whole, values)


def test_dotted_and_nested_spellings_mean_the_same() -> None:
    dotted = build(Whole, {"part.kind": "large", "part.depths": [4, 5]})
    nested = build(Whole, {"part": {"kind": "large", "depths": [4, 5]}})
    assert dotted == nested
    assert dotted.part == Large(depths=(4, 5))
    assert build(Whole, {"part": "large", "part.depths": [4, 5]}) == dotted


def test_a_description_has_every_parameter_of_every_kind() -> None:
    lines = {(line.name, line.meaning): line for line in describe(Whole)}
    assert [line.name for line in lines.values()] == [
        *("rate", "limit", "flag", "part"),
        *("part.width", "part.depths", "part.mode"),
    ]
    assert lines["rate", "a rate"].allowed == "float > 0 ≤ 1"
    assert lines["part", "a part"].default == "small"
    assert lines["part.depths", "[large] depths"].default == [2, 2]
    assert lines["part.mode", "[large] mode"].allowed == "a, b"


def test_flatten_and_build_are_inverse() -> None:
    whole = Whole(rate=0.25, limit=3.0, part=Large((1, 2, 3), "b"))
    assert build(Whole, flatten(whole)) == whole
    assert flatten(whole)["part.depths"] == [1, 2, 3]


def test_overriding_one_field_of_a_preset_keeps_the_others() -> None:
    base = Whole(rate=0.25, part=Large((1, 2, 3), "b"))
    changed = build(Whole, {"part.mode": "a"}, base)
    assert changed.part == Large((1, 2, 3), "a")
    assert changed.rate == 0.25


def test_lists_are_values_only_where_the_field_is_a_sequence() -> None:
    assert is_sequence_field(Whole, "part.depths")
    assert not is_sequence_field(Whole, "part.width")
    assert not is_sequence_field(Whole, "rate")
