"""Typed parameters: the one place where values given by a user are checked.

Problems and solvers are frozen dataclasses; their fields are their parameters. `parameter` attaches bounds, choices
and a description to a field, `Parameterised` checks them on construction, `build` turns a mapping (from a suite file
or the command line) into an instance, and `flatten` turns an instance into one flat row.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import operator
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


class InputError(ValueError):
    """A mistake in what the user asked for; its message names the field, the value and the remedy."""


def parameter(
    default: Any,
    description: str,
    *,
    above: float | None = None,
    least: float | None = None,
    most: float | None = None,
    choices: tuple[Any, ...] | None = None,
) -> Any:
    """A dataclass field that knows its meaning and its bounds (`above` is exclusive, `least` and `most` inclusive)."""
    bounds = {"description": description, "above": above, "least": least, "most": most, "choices": choices}
    return dataclasses.field(default=default, metadata=bounds)


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """A remedy for a misspelt name: the nearest known one, or all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(given, names, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return "known: " + (", ".join(names) or "none")


class Parameterised:
    """Base of every parameter dataclass: the constructor refuses values of a wrong type or outside their bounds."""

    def __post_init__(self) -> None:
        """Coerce and check every field.

        Raises:
            InputError: naming the field, the value and the remedy.

        """
        kinds = _types_of(type(self))
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            label = f"{_label(type(self))}: parameter {field.name!r}"
            value = _coerce(getattr(self, field.name), kinds[field.name], field, label)
            object.__setattr__(self, field.name, value)
            _check_bounds(value, field.metadata, label)


def build(cls: type[T], values: Mapping[str, Any], base: T | None = None) -> T:
    """Make a `cls` from nested or dotted `values`; fields not named keep those of `base`, or their defaults.

    Raises:
        InputError: for an unknown field (with the nearest known one), a wrong type or a value out of bounds.

    """
    nested = _nest(values)
    nested.pop("kind", None)
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}  # type: ignore[arg-type]
    kinds = _types_of(cls)
    for name in nested:
        if name not in fields:
            raise InputError(f"{_label(cls)}: unknown parameter {name!r}; {did_you_mean(name, fields)}")
    current = {name: getattr(base, name) for name in fields} if base is not None else {}
    for name, value in nested.items():
        old = current.get(name, _default(fields[name]))
        current[name] = _build_field(value, kinds[name], old, f"{_label(cls)}: parameter {name!r}")
    return cls(**current)


def flatten(instance: Any) -> dict[str, Any]:
    """All parameters of `instance` under dotted names; tuples become lists, nested choices carry their `kind`."""
    row: dict[str, Any] = {}
    for field in dataclasses.fields(instance):
        value = getattr(instance, field.name)
        if dataclasses.is_dataclass(value):
            if hasattr(value, "kind"):
                row[f"{field.name}.kind"] = value.kind
            row.update({f"{field.name}.{key}": inner for key, inner in flatten(value).items()})
        else:
            row[field.name] = list(value) if isinstance(value, tuple) else value
    return row


@dataclasses.dataclass(frozen=True)
class Description:
    """One parameter as a user may give it: `name` is dotted, `allowed` says which values it takes."""

    name: str
    default: Any
    allowed: str
    meaning: str


def describe(cls: Any, prefix: str = "") -> list[Description]:
    """All parameters of `cls` in order; those of a nested choice follow it, for each kind that can be chosen."""
    found: list[Description] = []
    for field in dataclasses.fields(cls):
        name, default = prefix + field.name, _default(field)
        options = _options(_types_of(cls)[field.name])
        variants = [option for option in options if dataclasses.is_dataclass(option)]
        if not variants:
            shown = list(default) if isinstance(default, tuple) else default
            found.append(Description(name, shown, _allowed(field, options), field.metadata.get("description", "")))
            continue
        kinds = [_label(option) for option in variants] + (["none"] if type(None) in options else [])
        chosen = "none" if default is None else _label(type(default))
        found.append(Description(name, chosen, ", ".join(kinds), field.metadata.get("description", "")))
        for option in variants:
            for inner in describe(option, f"{name}."):
                found.append(dataclasses.replace(inner, meaning=f"[{_label(option)}] {inner.meaning}"))
    return found


def _allowed(field: dataclasses.Field[Any], options: tuple[Any, ...]) -> str:
    bounds = field.metadata
    if bounds.get("choices"):
        return ", ".join(map(str, bounds["choices"]))
    limits = [
        f"{sign} {bounds[rule]:g}"
        for rule, sign in (("above", ">"), ("least", "≥"), ("most", "≤"))
        if bounds.get(rule) is not None
    ]
    kinds = ["list" if typing.get_origin(option) is tuple else option.__name__ for option in options]
    return " ".join([" or ".join(kinds), *limits])


def is_sequence_field(cls: Any, dotted: str) -> bool:
    """Whether the (dotted) field holds a tuple: a list given for it is then one value, not a sweep."""
    head, _, rest = dotted.partition(".")
    kind = _types_of(cls).get(head)
    options = _options(kind)
    if rest:
        return any(is_sequence_field(option, rest) for option in options if dataclasses.is_dataclass(option))
    return any(typing.get_origin(option) is tuple for option in options)


def _types_of(cls: Any) -> dict[str, Any]:
    """Types of the fields, resolved from their annotations once per class."""
    known = _RESOLVED.get(cls)
    if known is None:
        known = _RESOLVED[cls] = typing.get_type_hints(cls)
    return known


_RESOLVED: dict[Any, dict[str, Any]] = {}


def _label(cls: Any) -> str:
    return str(getattr(cls, "name", None) or getattr(cls, "kind", None) or cls.__name__)


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return None if field.default is dataclasses.MISSING else field.default


def _nest(values: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in values.items():
        head, _, rest = key.partition(".")
        if rest:
            inner = nested.setdefault(head, {})
            if isinstance(inner, str):
                # `optimizer=lm,optimizer.damping=0.1` names the kind first.
                inner = nested[head] = {"kind": inner}
            if not isinstance(inner, dict):
                raise InputError(f"parameter {key!r} is given beside a plain {head!r}; give one of them")
            inner[rest] = value
        elif isinstance(value, Mapping) and isinstance(nested.get(head), dict):
            nested[head].update(value)
        else:
            nested[head] = dict(value) if isinstance(value, Mapping) else value
    return nested


def _options(kind: Any) -> tuple[Any, ...]:
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return typing.get_args(kind)
    return (kind,)


def _build_field(value: Any, kind: Any, old: Any, label: str) -> Any:
    """A nested parameter set is rebuilt on top of the old one when it is of the same kind, else from its defaults."""
    variants: dict[str, Any] = {_label(option): option for option in _options(kind) if dataclasses.is_dataclass(option)}
    if isinstance(value, str) and value in variants:
        value = {"kind": value}
    if not isinstance(value, Mapping) or not variants:
        return value
    wanted = value.get("kind")
    if wanted is None:
        chosen = type(old) if old is not None else next(iter(variants.values()))
    elif wanted in variants:
        chosen = variants[wanted]
    else:
        raise InputError(f"{label}: unknown kind {wanted!r}; {did_you_mean(str(wanted), variants)}")
    return build(chosen, value, old if isinstance(old, chosen) else None)


def _coerce(value: Any, kind: Any, field: dataclasses.Field[Any], label: str) -> Any:
    for option in _options(kind):
        if option is type(None) and value is None:
            return value
        if option is float and isinstance(value, (int, float)) and not isinstance(value, bool):
            if not math.isfinite(value):
                raise InputError(f"{label} is {value}; give a finite number")
            return float(value)
        if option in (int, str, bool) and type(value) is option:
            return value
        if typing.get_origin(option) is tuple and isinstance(value, (list, tuple)):
            inner = typing.get_args(option)[0]
            return tuple(_coerce(item, inner, field, label) for item in value)
        if dataclasses.is_dataclass(option) and isinstance(value, option):  # type: ignore[arg-type]
            return value
    wanted = " or ".join(
        "none" if option is type(None) else getattr(option, "__name__", str(option)) for option in _options(kind)
    )
    raise InputError(f"{label} is {value!r}; give {wanted} ({field.metadata.get('description', 'see its docstring')})")


def _check_bounds(value: Any, bounds: Mapping[str, Any], label: str) -> None:
    if value is None:
        return
    choices = bounds.get("choices")
    if choices is not None and value not in choices:
        allowed = ", ".join(str(choice) for choice in choices)
        raise InputError(f"{label} is {value!r}; choose one of {allowed}")
    for item in value if isinstance(value, tuple) else (value,):
        for rule, words, holds in (
            ("above", "greater than", operator.gt),
            ("least", "at least", operator.ge),
            ("most", "at most", operator.le),
        ):
            bound = bounds.get(rule)
            if bound is not None and not holds(item, bound):
                raise InputError(f"{label} is {item}; it must be {words} {bound:g} ({bounds['description']})")
