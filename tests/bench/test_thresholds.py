"""The table of thresholds, and what a run says of its figures and of the machine's noise."""

import json

import pytest
from bench.command import main
from bench.report import report
from bench.samples import SAMPLES
from bench.statistics import noise_of, p99_ms, result_of, spread, too_noisy
from bench.thresholds import FIGURES, NOISE, Figure, ci_figures, figures_of, samples_of

FASTER = Figure(
    row="faster", says="faster", of="a", by="b", unit="x", sense="at least", gate=1.3, aim=2.0
)
QUICK = [1.0, 1.0, 1.0, 1.0, 1.0]
QUIET = {"cpu": QUICK, "pgbench_5": QUICK}


def run_of(value: float, **noise: list[float]) -> dict[str, list[float]]:
    return {"a": [value] * 5, "b": QUICK} | QUIET | noise


def test_every_row_is_named_once_and_asks_only_for_samples_that_exist() -> None:
    rows = [figure.row for figure in FIGURES]
    assert len(rows) == len(set(rows))
    assert set(samples_of(FIGURES)) == set(SAMPLES)


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.row)
def test_an_aim_is_never_easier_than_its_gate(figure: Figure) -> None:
    assert figure.aim is None or figure.meets(figure.aim, figure.gate)


def test_a_chosen_row_brings_its_samples_and_those_of_the_noise() -> None:
    assert samples_of(figures_of(["hold"])) == ("cpu", "pgbench_5", "hold", "pgbench_cte")


def test_a_row_brings_those_that_are_read_off_the_same_run() -> None:
    assert [one.row for one in figures_of(["feed"])] == ["feed", "feed-p99", "feed-cpu"]
    assert [one.row for one in figures_of(["feed-cpu"])] == ["feed-cpu"]


def test_ci_asks_for_four_figures_by_gates_of_its_own() -> None:
    asked = {figure.row: figure.gate for figure in ci_figures()}
    assert asked == {"ack": 0.33, "ack-each": 2.0, "event": 0.8, "growth": 0.75}
    (event,) = (figure for figure in ci_figures() if figure.row == "event")
    result = result_of(event, {"event": [0.9] * 5, "pgbench_5": QUICK} | {"cpu": QUICK})
    assert (result.gate_met, result.aim_met) == (True, None)


def test_rows_of_ci_and_rows_by_name_are_not_asked_for_at_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["--ci", "--rows", "event"])
    assert "not allowed with" in capsys.readouterr().err


def test_an_unknown_row_is_refused_with_the_rows_there_are() -> None:
    with pytest.raises(ValueError, match=r"no row speed; there are ack, .*verify"):
        figures_of(["speed"])


def test_a_ratio_is_taken_inside_each_round_so_that_a_slow_machine_cancels() -> None:
    slower_and_slower = {"a": [300.0, 200.0, 100.0], "b": [200.0, 133.0, 50.0]}
    assert result_of(FASTER, slower_and_slower).value == pytest.approx(1.5038, abs=1e-4)


def test_the_spread_is_that_of_the_middle_half() -> None:
    assert spread([100.0, 90.0, 110.0, 1_000.0, 1.0]) == pytest.approx(0.2)
    assert spread(QUICK) == 0.0


def test_the_99th_percentile_is_what_one_in_a_hundred_takes_at_least() -> None:
    assert p99_ms([9.0, *[0.5] * 198, 8.0]) == 8_000.0
    assert p99_ms([9.0, *[0.5] * 298, 8.0]) == 500.0


@pytest.mark.parametrize(
    ("value", "code", "gate", "aim"),
    [(2.0, 0, True, True), (1.3, 0, True, False), (1.29, 1, False, False)],
)
def test_gates_decide_and_aims_only_inform(value: float, code: int, gate: bool, aim: bool) -> None:
    text, given = report([FASTER], run_of(value), as_json=True)
    said = json.loads(text)["figures"][0]
    assert (given, said["gate_met"], said["aim_met"]) == (code, gate, aim)


@pytest.mark.parametrize("name", NOISE)
@pytest.mark.parametrize("value", [1.0, 3.0], ids=["missed", "met"])
def test_a_noisy_machine_neither_passes_nor_fails_silently(name: str, value: float) -> None:
    restless = [1.0, 1.5, 0.5, 2.0, 1.0]
    text, code = report([FASTER], run_of(value, **{name: restless}), as_json=False)
    assert code == 2
    assert f"TOO NOISY: {'cpu' if name == 'cpu' else 'cpu 0%'}" in text
    assert "may be quoted" in text


def test_noise_that_cannot_be_told_is_too_much() -> None:
    noise = noise_of(QUIET) | {"cpu": float("nan")}
    assert too_noisy(noise) == ["cpu"]


def test_the_table_names_what_was_missed() -> None:
    text, _ = report([FASTER], run_of(1.0), as_json=False)
    assert "≥ 1.3 MISSED" in text
    assert text.endswith("gates missed: faster")


@pytest.mark.parametrize("wrong", [["--rounds", "4"], ["--rows", "speed"]])
def test_a_run_that_could_say_nothing_is_refused(
    wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        main(wrong)
    assert refused.value.code == 2
    assert capsys.readouterr().err
