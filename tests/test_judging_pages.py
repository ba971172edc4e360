"""The pages of a benchmark: what a reader finds on them, and that they can be made again."""

import csv
import json
import math
import re
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dmssn.judging.markup import html_table, html_text, markdown_table, markdown_text
from dmssn.judging.pages import write_pages
from dmssn.judging.results import Results
from dmssn.judging.sheets import GAP, MARGIN, SIDE
from dmssn.judging.summary import summarize
from dmssn.judging.tables import Cell, Table
from dmssn.scoring import Pair
from judged import entry_of, metrics_of, results_of, spread_results

FILES = {
    "table.csv",
    "differences.csv",
    "scores.csv",
    "curves.png",
    "curves.svg",
    "curves.csv",
    "results.json",
    "benchmark.md",
    "benchmark.html",
}
VOID = {"meta", "img"}


class Page(HTMLParser):
    """What a browser makes of a page: text, tags, links; and what it would have to forgive."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.texts, self.tags, self.links, self.open, self.bold = [], [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        told = dict(attrs)
        self.links += [told[key] for key in ("href", "src") if key in told]
        if tag not in VOID:
            self.open.append((tag, told.get("class")))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        self.texts.append(data)
        if ("td", "best") in self.open and ("small", None) not in self.open:
            self.bold.append(data)


def pages_of(results, folder, **more):
    paths = write_pages(results, folder, **more)
    markdown = (folder / "benchmark.md").read_text(encoding="utf-8")
    return paths, markdown, Page((folder / "benchmark.html").read_text(encoding="utf-8"))


def with_pictures(results, folder):
    """Arguments for contact sheets: a colour picture and the maps of every scene."""
    mask = np.zeros((12, 16), dtype=bool)
    mask[4:8, 4:8] = True
    pictures, pairs = {}, {}
    for number, scene in enumerate(results.scenes):
        pictures[scene] = folder / f"colour_{number}.png"
        Image.new("RGB", (16, 12), (number, 9, 9)).save(pictures[scene])
        pairs[scene] = {
            entry.name: partial(Pair, np.full((12, 16), 0.1 * place), mask)
            for place, entry in enumerate(results.entries)
        }
    return {"pictures": pictures, "pairs": pairs}


def test_all_files_are_written_and_told(tmp_path):
    paths, _, _ = pages_of(spread_results(), tmp_path / "out")
    assert {path.name for path in paths} == FILES
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES


def test_the_same_results_give_the_same_bytes_in_whatever_order_scenes_ran(tmp_path):
    results = spread_results(attributes={f"scene_{n}": ["SO"] for n in range(8)})
    write_pages(results, tmp_path / "one")
    turned = {entry: dict(reversed(by.items())) for entry, by in results.scores.items()}
    drawn = {entry: dict(reversed(by.items())) for entry, by in results.curves.items()}
    write_pages(replace(results, scores=turned, curves=drawn), tmp_path / "two")
    for name in FILES - {"results.json"}:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_an_entrys_line_does_not_depend_on_the_others(tmp_path):
    draw = np.random.Generator(np.random.PCG64(3))
    scores = {
        name: {f"{n:02d}": metrics_of(float(draw.random())) for n in range(30)} for name in "abcd"
    }

    def lines(order, folder):
        told = results_of({name: scores[name] for name in order}, reference="a", curves={})
        write_pages(told, folder)
        found = {}
        for name in ("table.csv", "differences.csv"):
            text = (folder / name).read_text(encoding="utf-8")
            rows = list(csv.reader(text.splitlines()))
            found[name] = {(row[0], row[2]): row for row in rows}
            assert len(found[name]) == len(rows)
        return found

    whole = lines("abcd", tmp_path / "one")
    for file, rows in lines("dbca", tmp_path / "two").items():
        assert rows == whole[file]
    for file, rows in lines("ca", tmp_path / "three").items():
        assert rows.items() <= whole[file].items()


def test_the_json_is_that_of_the_results(tmp_path):
    results = spread_results()
    write_pages(results, tmp_path)
    told = json.loads((tmp_path / "results.json").read_text())
    assert told.items() >= results.to_table().items()
    summary = summarize(results)
    places = [(e, m) for e, m in np.ndindex(summary.means.mean.shape)]
    for part, found in (("means", summary.means), ("differences", summary.differences)):
        for entry, metric in places:
            name = summary.names[entry]
            if (part, name) == ("differences", results.reference):
                assert name not in told[part]
                continue
            one = told[part][name][results.metrics[metric]]
            ours = (found.mean[entry, metric], found.low[entry, metric], found.high[entry, metric])
            assert (one["mean"], one["low"], one["high"]) == ours
            assert one["scenes"] == found.scenes[entry, metric]
    assert told["differences"]["good"]["max_f_measure"]["verdict"] == "better"


def test_both_pages_tell_scores_and_the_best_in_bold(tmp_path):
    _, markdown, page = pages_of(spread_results(), tmp_path)
    assert "| good | 0 | - | - | **.425** \\[.3" in markdown
    assert page.bold == [".425", ".575", ".575"]
    assert page.texts.count("better") == 3


def test_the_foot_says_how_it_was_scored(tmp_path):
    results = spread_results(
        curves={},
        scoring=["Scored at the mask's own size.", "Maps as they are."],
        measured="Time is of one core.",
        notes=["rx said so."],
        left_out={"scene_9": "rx: no valid pixel"},
    )
    _, markdown, page = pages_of(results, tmp_path)
    shown = "".join(page.texts)
    for said in (
        "Scored at the mask's own size.",
        "Maps as they are.",
        "Time is of one core. MB is 10^6 bytes.",
        "rx said so.",
        "1 scene counts for no entry.",
        "expanded percentile bootstrap over the 8 scenes, 10,000 resamples, seed 0",
        "MAE is better low, the others high.",
    ):
        assert said in markdown
        assert said in shown
    assert "- scene\\_9: rx: no valid pixel" in markdown
    assert "scene_9: rx: no valid pixel" in page.texts


def test_what_is_not_defined_everywhere_is_told_at_the_foot(tmp_path):
    scores = {"flat": {"a": metrics_of(0.5, nss=math.nan), "b": metrics_of(0.5, nss=1.0)}}
    _, markdown, page = pages_of(results_of(scores, curves={}), tmp_path)
    said = "NSS is not defined everywhere; its mean is over 1 of 2 scenes (all entries)."
    assert f"- {said}" in markdown
    assert said in page.texts


def test_the_page_needs_no_script_and_nothing_from_elsewhere(tmp_path):
    _, _, page = pages_of(spread_results(), tmp_path)
    assert page.links == ["curves.svg"]
    assert not {"script", "link", "iframe"} & set(page.tags)
    assert not re.search(r"url\(|@import|https?:", (tmp_path / "benchmark.html").read_text())


def test_contact_sheets_are_made_and_linked(tmp_path):
    results = spread_results()
    told = with_pictures(results, tmp_path)
    paths, markdown, page = pages_of(results, tmp_path / "out", **told)
    assert "sheet_01.png" in {path.name for path in paths}
    assert "- [sheet_01.png](sheet_01.png)" in markdown
    assert page.links == ["curves.svg", "sheet_01.png"]
    for link in page.links:
        assert (tmp_path / "out" / link).exists()
    with Image.open(tmp_path / "out" / "sheet_01.png") as sheet:
        colours = {colour for _, colour in sheet.convert("RGB").getcolors(10_000)}
        levels = [
            sheet.convert("L").getpixel((MARGIN + n * (SIDE + GAP) + 80, 140)) for n in (2, 3)
        ]
    assert levels == [0, 26]  # in the order of the entries
    assert {(number, 9, 9) for number in range(8)} <= colours  # every scene's own
    assert {(0, 0, 0), (26, 26, 26)} <= colours  # the maps of both entries


def test_without_curves_there_is_no_figure(tmp_path):
    paths, markdown, page = pages_of(spread_results(curves={}), tmp_path)
    assert {path.name for path in paths} == {name for name in FILES if "curves" not in name}
    assert page.links == []
    assert "Curves" not in markdown


def test_a_single_entry_is_compared_with_nothing(tmp_path):
    scores = {"alone": {"a": metrics_of(0.5), "b": metrics_of(0.7)}}
    _, markdown, page = pages_of(results_of(scores, curves={}), tmp_path)
    assert "Differences" not in markdown
    assert "1 entry, 2 scenes." in page.texts
    assert "**" not in markdown


def test_of_a_single_scene_there_are_no_intervals(tmp_path):
    scores = {name: {"only": metrics_of(0.5)} for name in ("a", "b")}
    _, markdown, _ = pages_of(results_of(scores, curves={}), tmp_path)
    assert "Means over 1 scene: too few for intervals" in markdown
    assert "\\[" not in markdown


def test_attributes_have_their_tables(tmp_path):
    results = spread_results(attributes={"scene_0": ["SO"], "scene_1": []}, curves={})
    _, markdown, page = pages_of(results, tmp_path)
    assert "### AUC\n\n| entry | SO (1) | none (1) |" in markdown
    assert [text for text in page.texts if text == "SO (1)"] == ["SO (1)"] * 3


NASTY = ["a|b", "<script>alert(1)</script>", "*x* _y_ `z` [l](m)", "&lt; & \\", "光谱 é", "$x^2$"]


def test_names_are_shown_and_never_obeyed(tmp_path):
    scores = {name: {"s|1": metrics_of(0.5), "s<2>": metrics_of(0.7)} for name in NASTY}
    entries = [entry_of(name, about=name) for name in NASTY]
    results = results_of(scores, entries=entries, title=NASTY[1], left_out={NASTY[0]: NASTY[1]})
    _, markdown, page = pages_of(results, tmp_path)
    assert "script" not in page.tags
    for name in NASTY:
        assert page.texts.count(name) >= 2 - (name == results.reference)
    tables = re.findall(r"(?:^\|.*\n)+", markdown, re.MULTILINE)
    assert len(tables) == 2
    for table in tables:
        bars = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(bars) == 1
    assert not re.search(r"(?<!\\)<", markdown)


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_name_is_one_cell_and_comes_back_from_html(name, text):
    table = Table(
        ["entry", name], [[Cell(name), Cell(text, "[1, 2]", best=True, verdict="better")]]
    )
    for line in markdown_table(table):
        assert "\n" not in line
        unescaped = re.sub(r"\\.", "", line)
        assert unescaped.count("|") == 3
    page = Page("".join(html_table(table)))
    assert set(page.tags) == {"div", "table", "thead", "tbody", "tr", "th", "td", "small"}
    assert name.strip() in "".join(page.texts)


@given(st.text())
def test_markdown_backslashes_are_the_only_change_to_a_line(text):
    assert re.sub(r"\\(.)", r"\1", markdown_text(text)) == " ".join(text.split())


def test_html_escapes_quotes_for_attributes():
    assert html_text("\"'<>&") == "&quot;&#x27;&lt;&gt;&amp;"


def test_nothing_is_left_where_results_cannot_be_told(tmp_path):
    with pytest.raises(ValueError, match="no scene that every entry"):
        write_pages(Results(title="t", entries=[], scores={}, curves={}, reference=""), tmp_path)
    assert list(tmp_path.iterdir()) == []
