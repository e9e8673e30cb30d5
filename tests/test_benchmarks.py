"""The benchmarks run, and measure right answers: each asks every variant before it times it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks import __main__ as benchmarks
from tests.benchmarks import preflights, responses
from tests.benchmarks.measure import QUICK, Budget, Spread, added_ratios, ratios, spread
from tests.benchmarks.peers import HOOK, PLUGIN

# What the design's budget is about; further lines are about peers that may not be installed.
JUDGED = {
    "responses": ["any origin, over", "10 origins, over", "1,000 origins", "10 wildcard patterns"],
    "preflights": ["plain, over hard-coded", "dynamic, over hard-coded"],
    "socket": ["throughput"],
    "startup": ["time for a route"],
    "matching": ["exact, hit", "exact, miss", "wildcard, hit", "wildcard, miss"],
    "browser": [],
}


@pytest.mark.parametrize(
    "section",
    [pytest.param(n, marks=[pytest.mark.browser] if n == "browser" else []) for n in JUDGED],
)
async def test_one_round_of_a_section_gives_right_answers_and_judges_its_budget(
    section: str,
) -> None:
    report = await benchmarks.measure(section, QUICK)
    lines = [budget.what for budget in report.budgets]
    for judged in JUDGED[section]:
        assert any(judged in line for line in lines), (judged, lines)
    assert str(report).count("| --- |") >= 1 or "Left out: " in str(report)


def test_every_section_is_tested() -> None:
    assert list(JUDGED) == list(benchmarks.SECTIONS)


async def test_a_wrong_answer_of_the_plugin_is_not_measured() -> None:
    from aiohttp import web

    case = responses.cases(QUICK)[0]
    with pytest.raises(AssertionError):
        responses.check(case, PLUGIN, web.Response(headers={"Vary": "Origin"}))
    with pytest.raises(AssertionError):
        responses.check(case, HOOK, web.Response(status=500))
    with pytest.raises(AssertionError):
        preflights.is_answered(preflights.cases(QUICK)[0], PLUGIN, web.Response(status=204))


@pytest.mark.parametrize(
    ("budget", "met"),
    [
        pytest.param(Budget("a", 1.3, Spread(1, 1.3, 2)), True, id="at-the-limit-is-met"),
        pytest.param(Budget("a", 1.3, Spread(1, 1.31, 2)), False, id="above-the-limit-is-not"),
        pytest.param(
            Budget("a", 0.98, Spread(0.9, 0.97, 1), at_least=True), False, id="below-a-lower-limit"
        ),
    ],
)
def test_a_budget_is_judged_by_the_median(budget: Budget, met: bool) -> None:
    assert budget.is_met is met
    assert budget.row()[-1] == ("met" if met else "**not met**")


def test_ratios_are_taken_within_a_round() -> None:
    # The machine was three times as slow in the second round, for all of them.
    times = {"none": [1.0, 3.0], "hook": [2.0, 6.0], "mine": [3.0, 9.0]}
    assert ratios(times, "mine", "hook") == Spread(1.5, 1.5, 1.5)
    assert added_ratios(times, "mine", "hook", "none") == Spread(2, 2, 2)
    assert spread([3, 1, 2, 5, 4]) == Spread(2, 3, 4)


def test_the_readme_gets_the_tables_between_its_markers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = tmp_path / "README.md"
    monkeypatch.setattr(benchmarks, "README", readme)
    readme.write_text("before\n<!-- benchmarks -->\nold\n<!-- /benchmarks -->\nafter\n")
    asked = ["--quick", "--only", "matching", "--write-readme"]
    for _ in range(2):  # the second time over what the first one wrote
        assert benchmarks.main(asked) == 0
        printed = capsys.readouterr().out.strip()
        text = readme.read_text()
        assert text.startswith("before\n<!-- benchmarks -->\n\nMeasured with CPython")
        assert text.endswith("|\n\n<!-- /benchmarks -->\nafter\n")
        assert printed in text
        assert "old" not in text


def test_a_readme_without_markers_and_an_unknown_section_are_refused_before_measuring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("no markers\n")
    monkeypatch.setattr(benchmarks, "README", readme)
    for argv, words in (
        (["--write-readme"], "README.md has no <!-- benchmarks -->"),
        (["--only", "matching,speed"], "no such section: speed"),
    ):
        with pytest.raises(SystemExit) as exit_:
            benchmarks.main(argv)
        assert exit_.value.code == 2
        assert words in capsys.readouterr().err
    assert readme.read_text() == "no markers\n"
