"""Frozen things: events, changes and plans are what they hold, and stay so."""

import copy
import inspect
import pickle

import pytest

import cascade_core as cs
from cascade_core.frozen import Frozen


def kinds(base: type[Frozen] = Frozen) -> list[type[Frozen]]:
    """All frozen types of the engine, in the order they were made."""
    found = []
    for kind in base.__subclasses__():
        if kind.__module__.startswith("cascade_core."):
            found += [kind, *kinds(kind)]
    return found


def fields(kind: type[Frozen]) -> dict[str, str]:
    return {name: f"<{name}>" for name in kind.__match_args__}


every_kind = pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)


def test_events_changes_and_plans_are_frozen_things():
    assert {cs.Change, cs.Plan, cs.Event, cs.TaskFinished} <= set(kinds())


@every_kind
def test_fields_are_the_arguments_in_order(kind):
    made = kind(*fields(kind).values())

    assert list(inspect.signature(kind).parameters) == list(kind.__match_args__)
    assert {name: getattr(made, name) for name in fields(kind)} == fields(kind)


@every_kind
def test_argument_missing_unknown_or_too_much_is_refused(kind):
    values = list(fields(kind).values())

    for args, kwargs in (values[1:], {}), ([*values, 1], {}), (values, {"unknown": 1}):
        with pytest.raises(TypeError):
            kind(*args, **kwargs)


@every_kind
def test_attributes_can_be_neither_set_nor_deleted_nor_added(kind):
    made = kind(**fields(kind))

    for name in (*kind.__match_args__, "other"):
        with pytest.raises(AttributeError):
            setattr(made, name, 1)
        with pytest.raises(AttributeError):
            delattr(made, name)


@every_kind
def test_equal_fields_make_equal_things(kind):
    made, same = kind(*fields(kind).values()), kind(**fields(kind))

    assert made == same
    assert hash(made) == hash(same)


@every_kind
def test_each_field_makes_a_difference(kind):
    made = kind(**fields(kind))

    assert all(made != kind(**fields(kind) | {name: "other"}) for name in fields(kind))


def test_type_makes_a_difference():
    assert cs.RunStarted("run") != cs.PlanReused("run")
    assert cs.RunStarted("run") != cs.Event("run")
    assert cs.RunStarted("run") != "run"


@every_kind
def test_repr_names_the_fields(kind):
    inside = ", ".join(f"{name}={value!r}" for name, value in fields(kind).items())

    assert repr(kind(**fields(kind))) == f"{kind.__name__}({inside})"


@every_kind
@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda made: pickle.loads(pickle.dumps(made))]
)
def test_copy_is_equal(kind, duplicate):
    made = kind(**fields(kind))

    assert duplicate(made) == made
