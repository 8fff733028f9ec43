"""What `pytest --markers`, `--fixtures` and `--help` say, and ini values that make no sense."""

import pytest

from pytest_cascade.fixtures import cache_inspector, cascade_bench, engine, spied_solver
from pytest_cascade.keyword_marks import OPTION_RULES
from pytest_cascade.markers import MARKERS, OPTION_MARKERS


@pytest.mark.parametrize("marker", sorted(MARKERS))
def test_markers_are_explained(suite, marker):
    result = suite.pytester.runpytest_inprocess("--markers")

    result.stdout.fnmatch_lines([f"@pytest.mark.{marker}(*): ?*"])


@pytest.mark.parametrize("fixture", [engine, spied_solver, cache_inspector, cascade_bench])
def test_fixtures_are_explained(suite, fixture):
    result = suite.pytester.runpytest_inprocess("--fixtures")

    first_line = fixture.__doc__.splitlines()[0]
    result.stdout.fnmatch_lines([f"{fixture.__name__} -- *", f"    {first_line}"])


@pytest.mark.parametrize("option", ["--cascade-bench", "cascade_bench_rounds (string):"])
def test_options_are_explained(suite, option):
    result = suite.pytester.runpytest_inprocess("--help")

    result.stdout.fnmatch_lines([f"  {option}*"])


@pytest.mark.parametrize("value", ["0", "many", "-1"])
def test_ini_value_that_makes_no_sense_is_a_usage_error(suite, value):
    suite.configure(f"cascade_bench_rounds = {value}")

    result = suite.pytester.runpytest_inprocess()

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: cascade_bench_rounds must be an int > 0, got '{value}'"])


def test_markers_are_known_under_strict_markers(suite):
    marks = "".join(f"\n        @pytest.mark.{name}" for name in sorted(MARKERS))
    result = suite.run(marks + "\n        def test_it(): ...", "--strict-markers")

    result.stdout.no_fnmatch_line("*not found in `markers`*")


def test_every_marker_that_takes_options_has_rules_for_them():
    assert set(OPTION_RULES) == set(OPTION_MARKERS)
