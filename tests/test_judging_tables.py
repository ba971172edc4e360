"""What the tables of a benchmark say: every number worked by hand."""

import csv
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmssn.judging.csv_files import write_differences, write_scores, write_table
from dmssn.judging.statistics import ROUNDING
from dmssn.judging.summary import scenes_by_attribute, summarize, values_of
from dmssn.judging.tables import (
    attribute_tables,
    difference_table,
    megabytes_text,
    number_text,
    parameters_text,
    score_table,
    seconds_text,
    undefined,
)
from judged import entry_of, metrics_of, results_of, spread_results

NAN = math.nan


def read(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def column(table, name):
    place = list(table.heading).index(name)
    return {row[0].text: row[place] for row in table.rows}


def flat(name, value, scenes=("a", "b")):
    return {scene: {name: value} for scene in scenes}


def test_a_row_is_an_entry_and_a_column_a_metric_under_its_usual_name():
    table = score_table(summarize(spread_results()))
    assert list(table.heading)[4:] == ["MAE", "F max", "AUC"]
    assert [row[0].text for row in table.rows] == ["plain", "good"]
    assert {len(row) for row in table.rows} == {len(table.heading)}
    # Means of 0.3, 0.35 ... 0.65, and of what is 0.1 above.
    assert column(table, "F max")["plain"].text == ".475"
    assert column(table, "F max")["good"].text == ".575"
    assert column(table, "MAE")["good"].text == ".425"


def test_the_best_is_the_highest_and_of_an_error_the_lowest():
    table = score_table(summarize(spread_results()))
    for name in ("MAE", "F max", "AUC"):
        assert column(table, name)["good"].best
        assert not column(table, name)["plain"].best


def test_what_shows_the_same_digits_is_equally_good():
    scores = {"a": flat("nss", 1.23441), "b": flat("nss", 1.2344), "c": flat("nss", 1.2334)}
    told = column(score_table(summarize(results_of(scores))), "NSS")
    assert [cell.text for cell in told.values()] == ["1.234", "1.234", "1.233"]
    assert [cell.best for cell in told.values()] == [True, True, False]


def test_a_lower_digit_is_not_the_best():
    scores = {"a": flat("nss", 1.2346), "b": flat("nss", 1.2344)}
    told = column(score_table(summarize(results_of(scores))), "NSS")
    assert [cell.best for cell in told.values()] == [True, False]


def test_nothing_is_best_alone_or_where_nothing_is_defined():
    alone = results_of({"a": flat("nss", 1.0)})
    assert not column(score_table(summarize(alone)), "NSS")["a"].best
    nowhere = results_of({"a": flat("nss", NAN), "b": flat("nss", NAN)})
    told = column(score_table(summarize(nowhere)), "NSS")
    assert [(cell.text, cell.interval, cell.best) for cell in told.values()] == [
        ("-", "", False),
        ("-", "", False),
    ]


def test_one_that_is_defined_is_the_best():
    scores = {"a": flat("nss", NAN), "b": flat("nss", -1.0)}
    told = column(score_table(summarize(results_of(scores))), "NSS")
    assert [cell.best for cell in told.values()] == [False, True]


def test_of_six_scenes_the_interval_is_told_and_of_five_there_is_none():
    for scenes, wanted in ((6, "[.000, .667]"), (5, "")):
        scores = {"a": {str(s): {"s_measure": float(s == 0)} for s in range(scenes)}}
        table = score_table(summarize(results_of(scores)))
        assert column(table, "S")["a"].interval == wanted


def test_costs_are_told_as_people_write_them():
    entries = [
        entry_of("ours", kind="network", parameters=1_757_312, seconds=0.08421, memory=812_400_000),
        entry_of("theirs", kind="maps", parameters=None),
        entry_of("rx", seconds=3.14159, memory=2_345_600_000),
    ]
    scores = {entry.name: flat("s_measure", 0.5) for entry in entries}
    table = score_table(summarize(results_of(scores, entries=entries)))
    told = {
        name: [cell.text for cell in column(table, name).values()]
        for name in ("parameters", "s / scene", "MB")
    }
    assert told == {
        "parameters": ["1.76 M", "-", "0"],
        "s / scene": ["0.084", "-", "3.14"],
        "MB": ["812", "-", "2,346"],
    }
    assert "GPU MB" not in table.heading


def test_how_far_times_differ_is_told_beside_their_median():
    entries = [entry_of("ours", seconds=1.0, seconds_range=(0.5, 74.3))]
    table = score_table(summarize(results_of({"ours": flat("s_measure", 0.5)}, entries=entries)))
    assert column(table, "s / scene")["ours"].interval == "[0.500, 74.3]"


def test_memory_of_a_gpu_is_told_where_one_was_used():
    entries = [entry_of("ours", gpu_memory=1_000_000), entry_of("rx")]
    scores = {entry.name: flat("s_measure", 0.5) for entry in entries}
    table = score_table(summarize(results_of(scores, entries=entries)))
    assert [cell.text for cell in column(table, "GPU MB").values()] == ["1", "-"]


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (999, "999"), (1000, "1.0 k"), (12_345, "12.3 k"), (10**6, "1.00 M"), (None, "-")],
)
def test_parameters(number, text):
    assert parameters_text(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0004, "0.000"), (0.0421, "0.042"), (1.234, "1.23"), (12.34, "12.3"), (1234.5, "1234")],
)
def test_seconds(seconds, text):
    assert seconds_text(seconds) == text


def test_megabytes_are_millions_of_bytes():
    assert megabytes_text(123_456_789) == "123"


@given(st.floats(-20, 20))
def test_a_number_keeps_its_three_decimals(value):
    for sign in (False, True):
        text = number_text(value, sign=sign)
        assert float(text) == pytest.approx(value, abs=0.0005000001)
        assert text.lstrip("+-") == text.lstrip("+-0") or abs(value) >= 0.9995 or text == ".000"
        assert not text.startswith("-") or value < 0
        assert not text.startswith("+") or (sign and value > 0)


def test_a_difference_is_entry_minus_reference():
    table = difference_table(summarize(spread_results()))
    assert [row[0].text for row in table.rows] == ["good"]
    assert list(table.heading) == ["entry", "MAE", "F max", "AUC"]
    assert [cell.text for cell in table.rows[0][1:]] == ["-.100", "+.100", "+.100"]
    assert [cell.interval for cell in table.rows[0][1:]] == [
        "[-.100, -.100]",
        "[+.100, +.100]",
        "[+.100, +.100]",
    ]
    # Less of an error is better, like more of all else.
    assert [cell.verdict for cell in table.rows[0][1:]] == ["better", "better", "better"]


def test_the_other_way_round_all_is_worse():
    table = difference_table(summarize(spread_results(reference="good")))
    assert [row[0].text for row in table.rows] == ["plain"]
    assert [cell.text for cell in table.rows[0][1:]] == ["+.100", "-.100", "-.100"]
    assert [cell.verdict for cell in table.rows[0][1:]] == ["worse", "worse", "worse"]


def test_what_is_given_no_verdict_for_rounding_is_shown_without_a_sign():
    assert number_text(ROUNDING / 2, sign=True) == number_text(-ROUNDING / 2, sign=True) == ".000"
    assert number_text(2 * ROUNDING, sign=True) == "+.000"
    scenes = "abcdefgh"
    scores = {name: {s: {"s_measure": 0.5 + by} for s in scenes} for name, by in
              (("plain", 0), ("same", 6e-9), ("more", 2e-4))}  # fmt: skip
    same, more = difference_table(summarize(results_of(scores))).rows
    assert (same[1].text, same[1].interval, same[1].verdict) == (".000", "[.000, .000]", "")
    assert (more[1].text, more[1].verdict) == ("+.000", "better")


def test_where_scenes_disagree_there_is_no_verdict():
    scenes = [f"{number}" for number in range(10)]
    scores = {
        "plain": {scene: {"s_measure": 0.5} for scene in scenes},
        "other": {s: {"s_measure": 0.4 + 0.2 * (i % 2)} for i, s in enumerate(scenes)},
    }
    (row,) = difference_table(summarize(results_of(scores))).rows
    assert (row[1].text, row[1].verdict) == (".000", "")


def test_metrics_that_say_much_the_same_have_no_differences_on_the_page():
    scores = {name: {s: metrics_of(0.5, nss=1.0, f1=0.5) for s in "ab"} for name in ("x", "y")}
    assert list(difference_table(summarize(results_of(scores))).heading) == [
        "entry", "MAE", "F max", "AUC",
    ]  # fmt: skip


def test_scenes_are_parted_by_attribute():
    attributes = {"scene_0": ["SO", "CB"], "scene_1": ["SO"], "scene_2": [], "elsewhere": ["CB"]}
    results = spread_results(attributes=attributes)
    assert scenes_by_attribute(results) == {
        "CB": ["scene_0"],
        "SO": ["scene_0", "scene_1"],
        "none": ["scene_2"],
    }
    tables = attribute_tables(summarize(results))
    assert list(tables) == ["roc_auc", "max_f_measure", "mean_absolute_error"]
    table = tables["max_f_measure"]
    assert list(table.heading) == ["entry", "CB (1)", "SO (2)", "none (1)"]
    assert [cell.text for cell in table.rows[0]] == ["plain", ".300", ".325", ".400"]
    assert [cell.interval for cell in table.rows[0]] == ["", "", "", ""]
    assert [cell.best for cell in table.rows[1]] == [False, True, True, True]
    assert tables["mean_absolute_error"].rows[1][2].best


def test_without_attributes_there_are_no_parts():
    assert attribute_tables(summarize(spread_results())) == {}
    told_of_none = {f"scene_{number}": [] for number in range(8)}
    assert attribute_tables(summarize(spread_results(attributes=told_of_none))) == {}


def test_what_is_not_defined_everywhere_is_told():
    nowhere, all_there = {"nss": NAN, "f1": 0.5}, {"nss": 1.0, "f1": 0.5}
    scores = {
        "sure": {"one": all_there, "two": all_there, "three": all_there},
        "flat": {"one": nowhere, "two": all_there, "three": nowhere},
        "half": {"one": nowhere, "two": all_there, "three": all_there},
    }
    assert list(undefined(summarize(results_of(scores)))) == [
        "NSS is not defined everywhere; its mean is over 1 of 3 scenes (flat);"
        " 2 of 3 scenes (half)."
    ]
    scores = {"a": flat("nss", NAN), "b": flat("nss", NAN)}
    assert list(undefined(summarize(results_of(scores)))) == [
        "NSS is not defined everywhere; its mean is over 0 of 2 scenes (all entries)."
    ]


def test_the_table_as_csv_has_all_digits(tmp_path):
    entries = [
        entry_of(
            "a, b",
            kind="network",
            about="of x",
            parameters=7,
            seconds=0.1,
            memory=5,
            seconds_range=(0.05, 2.0),
        ),
        entry_of("c", kind="maps", parameters=None),
    ]
    third = 1 / 3
    scores = {
        "a, b": {"one": {"nss": third}, "two": {"nss": 1.0}},
        "c": {"one": {"nss": NAN}, "two": {"nss": 2.0}},
    }
    write_table(tmp_path / "t.csv", summarize(results_of(scores, entries=entries)))
    first, second = read(tmp_path / "t.csv")
    assert list(first) == [
        "name", "kind", "about", "parameters", "scenes", "nss", "nss_low", "nss_high",
        "seconds", "seconds_least", "seconds_most", "memory_bytes", "gpu_memory_bytes",
    ]  # fmt: skip
    assert (first["name"], first["kind"], first["about"]) == ("a, b", "network", "of x")
    assert (first["parameters"], first["scenes"], first["seconds"]) == ("7", "2", "0.1")
    assert (first["seconds_least"], first["seconds_most"]) == ("0.05", "2.0")
    assert (second["seconds"], second["seconds_least"]) == ("", "")
    assert float(first["nss"]) == (third + 1) / 2
    assert (first["nss_low"], second["nss"], second["nss_low"]) == ("nan", "2.0", "nan")
    assert (second["parameters"], second["seconds"], second["memory_bytes"]) == ("", "", "")


def test_differences_as_csv_are_of_every_metric(tmp_path):
    write_differences(tmp_path / "d.csv", summarize(spread_results()))
    rows = read(tmp_path / "d.csv")
    assert list(rows[0]) == [
        "entry", "reference", "metric", "difference", "low", "high", "scenes", "verdict",
    ]  # fmt: skip
    assert [row["metric"] for row in rows] == ["mean_absolute_error", "max_f_measure", "roc_auc"]
    assert {(row["entry"], row["reference"], row["scenes"]) for row in rows} == {
        ("good", "plain", "8")
    }
    assert [float(row["difference"]) for row in rows] == pytest.approx([-0.1, 0.1, 0.1])
    assert {row["verdict"] for row in rows} == {"better"}


def test_scores_as_csv_are_of_every_scene(tmp_path):
    results = spread_results()
    write_scores(tmp_path / "s.csv", results)
    rows = read(tmp_path / "s.csv")
    assert [(row["entry"], row["scene"]) for row in rows] == [
        (name, f"scene_{number}") for name in ("plain", "good") for number in range(8)
    ]
    for row in rows:
        for metric, value in results.scores[row["entry"]][row["scene"]].items():
            assert float(row[metric]) == value


def test_values_stand_by_entry_metric_and_scene():
    scores = {
        "x": {"two": {"f1": 0.2, "nss": 2.0}, "one": {"f1": 0.1, "nss": 1.0}},
        "y": {"one": {"f1": 0.3, "nss": 3.0}, "two": {"f1": 0.4, "nss": 4.0}},
    }
    expected = [[[0.1, 0.2], [1.0, 2.0]], [[0.3, 0.4], [3.0, 4.0]]]
    np.testing.assert_array_equal(values_of(results_of(scores)), expected)


def test_no_scenes_and_an_unknown_reference_are_refused():
    with pytest.raises(ValueError, match="made up: no scene that every entry could be judged on"):
        summarize(results_of({"a": {}}))
    with pytest.raises(ValueError, match="the reference 'b' is none of a"):
        summarize(results_of({"a": flat("nss", 1.0)}, reference="b"))
