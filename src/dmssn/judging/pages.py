"""The pages of a benchmark, and all files beside them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from PIL import Image

from dmssn.files import replacing
from dmssn.judging.csv_files import write_differences, write_scores, write_table
from dmssn.judging.curves import write_curves
from dmssn.judging.markup import (
    STYLE,
    html_table,
    html_text,
    markdown_table,
    markdown_text,
)
from dmssn.judging.results import Entry, Results
from dmssn.judging.sheets import SORTED_BY, ScenePictures, worst_first, write_sheets
from dmssn.judging.statistics import CONFIDENCE, LEAST_SCENES, RESAMPLES, SEED
from dmssn.judging.summary import COMPARED, Summary, heading, results_json, summarize
from dmssn.judging.tables import (
    Table,
    attribute_tables,
    difference_table,
    score_table,
    undefined,
)
from dmssn.metric_names import low_is_better
from dmssn.scenes.attributes import ATTRIBUTES
from dmssn.scoring import Pair
from dmssn.wording import counted

PAGE = "benchmark"
"""Of the pages, without a suffix."""
CURVES = "curves"
"""Of the figure and its numbers, likewise."""
KINDS = {
    "network": "trained network",
    "classical": "classical detector, not trained",
    "maps": "maps of another program",
}
CURVES_SAID = (
    "Each curve is the mean over the scenes of the curves of one scene: precision and recall at "
    "each threshold, the true positive rate at each false positive rate. A scene of which nothing "
    "is called at a threshold has precision 1 there, so a mean may jump up. The scores beside the "
    "names are those of the table; for F max each scene has its own best threshold, so a curve "
    "may stay below it."
)


@dataclass(frozen=True)
class Section:
    """A part of a page, whatever its format.

    Attributes:
        title: Empty for what stands under the page's own title.
        text: Paragraphs.
        items: Of a list after the text.
        tables: By subtitle; empty for none.
        picture: File of a picture, beside the page.
        links: Files beside the page.
    """

    title: str
    text: Sequence[str] = ()
    items: Sequence[str] = ()
    tables: Sequence[tuple[str, Table]] = ()
    picture: str = ""
    links: Sequence[str] = ()


Pairs = Mapping[str, Mapping[str, Callable[[], Pair]]]
"""Scene to entry to what reads its map and the mask."""


def write_pages(
    results: Results,
    folder: Path,
    *,
    pictures: Mapping[str, Path] | None = None,
    pairs: Pairs | None = None,
) -> list[Path]:
    """Write a benchmark's tables, curves and pages; the same results give the same bytes.

    ``table.csv``, ``differences.csv``, ``scores.csv``, ``curves.png``, ``curves.svg``,
    ``curves.csv``, ``sheet_01.png`` and so on, ``results.json``, ``benchmark.md`` and
    ``benchmark.html``.

    Args:
        results: Of every scene. Without curves there is no figure.
        folder: Where to.
        pictures: Files of the scenes in colour; without them there are no contact sheets.
        pairs: Of the same scenes.

    Returns:
        The files.

    Raises:
        ValueError: No scene counts, or the reference is not among the entries.
        OSError: A file cannot be written.
    """
    summary = summarize(results)
    paths = [folder / f"{name}.csv" for name in ("table", "differences", "scores")]
    write_table(paths[0], summary)
    write_differences(paths[1], summary)
    write_scores(paths[2], results)
    paths += write_curves(results, folder / CURVES) if results.curves else []
    sheets: list[Path] = []
    if pictures and pairs:
        sheets = write_sheets(folder, worst_first(results), loader(results, pictures, pairs))
        for old in set(folder.glob("sheet_*.png")) - set(sheets):  # of a time with more scenes
            old.unlink()
    sections = list(_sections(summary, [sheet.name for sheet in sheets]))
    pages: dict[str, Callable[[], str]] = {
        "results.json": lambda: results_json(summary),
        f"{PAGE}.md": lambda: markdown_page(_title(results), sections),
        f"{PAGE}.html": lambda: html_page(_title(results), sections),
    }
    for name, text in pages.items():
        with replacing(folder / name) as partial:
            partial.write_text(text(), encoding="utf-8", newline="\n")
    return [*paths, *sheets, *(folder / name for name in pages)]


def loader(
    results: Results, pictures: Mapping[str, Path], pairs: Pairs
) -> Callable[[str], ScenePictures]:
    """What reads a scene's pictures for a contact sheet, one map at a time.

    Args:
        results: Whose entries are shown.
        pictures: Files of the scenes in colour.
        pairs: Of the same scenes.
    """
    first, *others = (entry.name for entry in results.entries)

    def load(scene: str) -> ScenePictures:
        with Image.open(pictures[scene]) as picture:
            colours = np.asarray(picture.convert("RGB"))
        pair = pairs[scene][first]()
        rest = (pairs[scene][name]().saliency for name in others)
        return ScenePictures(
            colours=colours, mask=pair.mask, maps=chain([pair.saliency], rest), counted=pair.counted
        )

    return load


def markdown_page(title: str, sections: Sequence[Section]) -> str:
    """The page as Markdown."""
    return "\n".join(_markdown(title, sections)) + "\n"


def html_page(title: str, sections: Sequence[Section]) -> str:
    """The page as HTML that needs no script, and no file but the picture."""
    return "\n".join(_html(title, sections)) + "\n"


def _title(results: Results) -> str:
    return f"Benchmark: {results.title}"


def _sections(summary: Summary, sheets: Sequence[str]) -> Iterator[Section]:
    results = summary.results
    yield Section("", [_said(results)])
    main = score_table(summary, COMPARED)
    yield Section("Scores", [_scores_said(summary)], tables=[("", main)])
    differences = difference_table(summary)
    if differences.rows:
        text = [_differences_said(summary, differences)]
        yield Section(f"Differences to {results.reference}", text, tables=[("", differences)])
    if results.curves:
        yield Section("Curves", [CURVES_SAID], picture=f"{CURVES}.svg")
    parts_of = [code for code in ATTRIBUTES if code in summary.parts]
    if parts := attribute_tables(summary):
        text = [
            "Means over the scenes that share an attribute, with their number. "
            + "; ".join(f"{code}: {ATTRIBUTES[code]}" for code in parts_of)
            + "."
        ]
        tables = [(heading(metric), table) for metric, table in parts.items()]
        yield Section("By attribute", text, tables=tables)
    if sheets:
        text = [
            f"Every scene with the map of every entry. The first are those with the lowest mean "
            f"{heading(SORTED_BY)} over the entries."
        ]
        yield Section("Contact sheets", text, links=sheets)
    if set(results.metrics) - set(COMPARED):
        yield Section("All metrics", tables=[("", score_table(summary, costs=False))])
    yield Section("Entries", items=[_entry_said(entry) for entry in results.entries])
    yield Section("How it was scored", items=list(_footer(summary)))
    if results.left_out:
        number = len(results.left_out)
        verb = "counts" if number == 1 else "count"
        text = [f"{counted(number, 'scene')} {verb} for no entry."]
        left = [f"{scene}: {why}" for scene, why in sorted(results.left_out.items())]
        yield Section("Left out", text, left)


def _said(results: Results) -> str:
    number = len(results.entries)
    entries = "1 entry" if number == 1 else f"{number} entries"
    return f"{entries}, {counted(len(results.scenes), 'scene')}."


def _scores_said(summary: Summary) -> str:
    low = [heading(metric) for metric in summary.results.metrics if low_is_better(metric)]
    verb = "are" if len(low) > 1 else "is"
    direction = f"{' and '.join(low)} {verb} better low, the others high. " if low else ""
    scenes = len(summary.results.scenes)
    if scenes < LEAST_SCENES:
        few = f"Means over {counted(scenes, 'scene')}: too few for intervals"
        return f"{few}, and to tell entries apart. {direction}".strip()
    return (
        f"Means over scenes. {direction}Bold is the best of a column, by the digits shown. "
        f"[low, high] is a {CONFIDENCE:.0%} interval: where the mean may lie had other scenes of "
        f"the same kind been drawn (expanded percentile bootstrap over the {scenes} scenes, "
        f"{RESAMPLES:,} resamples, seed {SEED}). Means over fewer than {LEAST_SCENES} have none."
    )


def _differences_said(summary: Summary, table: Table) -> str:
    verdicts = len(table.rows) * (len(table.heading) - 1)
    said = f"Entry minus {summary.results.reference}, scene by scene"
    if len(summary.results.scenes) < LEAST_SCENES:
        return f"{said}; too few scenes to call any of them better or worse."
    return (
        f'{said}, the same resampled scenes for both. "better" and "worse" stand where the '
        f"interval leaves out 0. Of two equal entries chance alone does that in about "
        f"{1 - CONFIDENCE:.0%} of comparisons, and in up to 8% where only {LEAST_SCENES} scenes "
        f"count; {verdicts} stand here."
    )


def _entry_said(entry: Entry) -> str:
    about = f"; {entry.about}" if entry.about else ""
    return f"{entry.name}: {KINDS[entry.kind]}{about}"


def _footer(summary: Summary) -> Iterator[str]:
    results = summary.results
    yield from results.scoring
    if results.measured:
        yield f"{results.measured} MB is 10^6 bytes."
    yield from undefined(summary)
    yield from results.notes


def _markdown(title: str, sections: Sequence[Section]) -> Iterator[str]:
    yield f"# {markdown_text(title)}"
    for section in sections:
        if section.title:
            yield from ("", f"## {markdown_text(section.title)}")
        for paragraph in section.text:
            yield from ("", markdown_text(paragraph))
        if section.items or section.links:
            yield ""
        yield from (f"- {markdown_text(item)}" for item in section.items)
        yield from (f"- [{link}]({link})" for link in section.links)
        for subtitle, table in section.tables:
            yield from ("", f"### {markdown_text(subtitle)}") if subtitle else ()
            yield ""
            yield from markdown_table(table)
        if section.picture:
            yield from ("", f"![{section.title}]({section.picture})")


def _html(title: str, sections: Sequence[Section]) -> Iterator[str]:
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{html_text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>"
    yield f"<h1>{html_text(title)}</h1>"
    for section in sections:
        yield f"<h2>{html_text(section.title)}</h2>" if section.title else ""
        yield from (f"<p>{html_text(paragraph)}</p>" for paragraph in section.text)
        links = [f'<a href="{html_text(link)}">{html_text(link)}</a>' for link in section.links]
        if items := [*map(html_text, section.items), *links]:
            yield "<ul>" + "".join(f"<li>{item}</li>" for item in items) + "</ul>"
        for subtitle, table in section.tables:
            yield f"<h3>{html_text(subtitle)}</h3>" if subtitle else ""
            yield from html_table(table)
        if section.picture:
            alt = html_text(section.title)
            yield f'<figure><img src="{html_text(section.picture)}" alt="{alt}"></figure>'
    yield "</body>\n</html>"
