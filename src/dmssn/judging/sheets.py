"""Contact sheets: what every entry made of every scene, the worst scenes first.

Letters: H rows, W columns of a scene's pictures.
"""

import math
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dmssn.files import replacing
from dmssn.judging.results import Results
from dmssn.judging.summary import heading
from dmssn.judging.tables import number_text
from dmssn.metric_names import low_is_better
from dmssn.wording import counted

SORTED_BY = "max_f_measure"
ON_A_SHEET = 20
"""Scenes, at most."""
SIDE = 160
"""Longer side of a picture, in pixels, like all lengths here."""
GAP, MARGIN = 8, 14
LINE = 20
"""Height of a line of text."""
TEXT_SIZE, TITLE_SIZE = 13, 15
RULE = 9
"""Between two scenes; a thin line runs through its middle."""
WHITE, INK, FAINT, LINE_GREY = (255, 255, 255), (25, 25, 25), (105, 105, 105), (222, 222, 222)
EDGE = (190, 190, 190)
"""Around pictures: a white mask on white paper has no end."""
NOT_KNOWN = 128
"""Grey in the mask of pixels whose truth is not known."""
FIRST = ("scene", "mask")
"""Columns before those of the entries."""

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True, eq=False, kw_only=True)
class ScenePictures:
    """What is shown of a scene; the maps are in the order of the entries.

    Sizes may differ, of maps scored at another size than the scene's, say: all are brought to the
    shape of ``colours``.

    Attributes:
        colours: sRGB of shape (H, W, 3), uint8.
        mask: Bool of shape (H, W), True is salient.
        maps: Saliency in [0, 1], each of shape (H, W); gone through once, so they may be read
            one by one.
        counted: Bool of shape (H, W), False where the truth is not known; None where it all is.
    """

    colours: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    maps: Iterable[NDArray[np.floating]]
    counted: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class SheetRow:
    """A scene, and the score of each entry there; NaN where it is not defined."""

    scene: str
    scores: Sequence[float]


@dataclass(frozen=True)
class Sheets:
    """What all sheets have in common.

    Attributes:
        entries: Names of the columns after the scene and its mask.
        metric: Name of the one under each map.
        rows: In the order they are shown.
    """

    entries: Sequence[str]
    metric: str
    rows: Sequence[SheetRow]


def worst_first(results: Results, metric: str = SORTED_BY) -> Sheets:
    """Scenes by the mean of a metric over the entries, the worst first.

    A mean is over the entries that have a value; scenes without any are last. Scenes of one mean
    are in the order of their names.
    """
    names = [entry.name for entry in results.entries]
    sign = -1.0 if low_is_better(metric) else 1.0
    rows = [
        SheetRow(scene, [results.scores[name][scene][metric] for name in names])
        for scene in results.scenes
    ]

    def order(row: SheetRow) -> float:
        known = [value for value in row.scores if not math.isnan(value)]
        return sign * math.fsum(known) / len(known) if known else math.inf

    return Sheets(names, metric, sorted(rows, key=order))  # which leaves equals by name


def write_sheets(folder: Path, sheets: Sheets, load: Callable[[str], ScenePictures]) -> list[Path]:
    """Write ``sheet_01.png``, ``sheet_02.png``, ... of at most ``ON_A_SHEET`` scenes each.

    A row is a scene: its name, its colours, its mask, each entry's map in grey (black is 0, white
    is 1), and under each map its score. One scene's pictures are in memory at a time.

    Args:
        folder: Where to.
        sheets: As ``worst_first`` gives them.
        load: Gives a scene's pictures by its name.

    Returns:
        The files, in order; none without rows.

    Raises:
        ValueError: A scene has not as many maps as there are entries.
        OSError: A file cannot be written.
    """
    count = -(-len(sheets.rows) // ON_A_SHEET)
    digits = max(2, len(str(count)))
    paths = []
    for number in range(count):
        first = number * ON_A_SHEET
        strips = [
            _strip(row, sheets, load(row.scene)) for row in sheets.rows[first : first + ON_A_SHEET]
        ]
        said = f"sheet {number + 1} of {count}, worst scenes first by {heading(sheets.metric)}"
        path = folder / f"sheet_{number + 1:0{digits}d}.png"
        with replacing(path) as partial:
            _page(strips, sheets, said).save(partial)
        paths.append(path)
    return paths


def _page(strips: Sequence[Image.Image], sheets: Sheets, said: str) -> Image.Image:
    """Strips under each other, under a head that names the columns."""
    head = MARGIN + 2 * LINE + GAP
    height = head + sum(strip.height + RULE for strip in strips) + MARGIN - RULE
    page = Image.new("RGB", (_width(sheets), height), WHITE)
    draw = ImageDraw.Draw(page)
    _write(draw, (MARGIN, MARGIN), said, page.width - 2 * MARGIN, FAINT)
    for number, name in enumerate((*FIRST, *sheets.entries)):
        place = _left(number) + SIDE / 2, MARGIN + LINE + 2
        _write(draw, place, name, SIDE, INK, size=TITLE_SIZE, middle=True)
    top = head
    for number, strip in enumerate(strips):
        if number:
            y = top - RULE // 2 - 1
            draw.line([(MARGIN, y), (page.width - MARGIN, y)], fill=LINE_GREY)
        page.paste(strip, (0, top))
        top += strip.height + RULE
    return page


def _strip(row: SheetRow, sheets: Sheets, pictures: ScenePictures) -> Image.Image:
    """A scene: its name, the pictures, and the scores under the maps."""
    width, height = _shown_size(pictures.colours.shape[1], pictures.colours.shape[0])
    strip = Image.new("RGB", (_width(sheets), LINE + height + LINE + 2), WHITE)
    draw = ImageDraw.Draw(strip)
    _write(draw, (MARGIN, 1), row.scene, strip.width - 2 * MARGIN, INK)
    shown = [pictures.colours, _mask_levels(pictures), *map(_grey_levels, pictures.maps)]
    if len(shown) != len(FIRST) + len(sheets.entries):
        maps, entries = len(shown) - len(FIRST), len(sheets.entries)
        raise ValueError(f"{row.scene}: {counted(maps, 'map')} to show, expected {entries}")
    for number, levels in enumerate(shown):
        corner = _left(number) + (SIDE - width) // 2, LINE
        strip.paste(_shrunk(levels, (width, height)), corner)
        ends = (corner[0] - 1, corner[1] - 1, corner[0] + width, corner[1] + height)
        draw.rectangle(ends, outline=EDGE)
    label = heading(sheets.metric)
    for number, value in enumerate(row.scores, start=len(FIRST)):
        place = _left(number) + SIDE / 2, LINE + height + 3
        _write(draw, place, f"{label} {number_text(value)}", SIDE, INK, middle=True)
    return strip


def _left(column: int) -> int:
    return MARGIN + column * (SIDE + GAP)


def _width(sheets: Sheets) -> int:
    return _left(len(FIRST) + len(sheets.entries)) - GAP + MARGIN


def _shown_size(width: int, height: int) -> tuple[int, int]:
    """Width and height with ``SIDE`` as the longer one, the other at least 1."""
    scale = SIDE / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _shrunk(levels: NDArray[np.uint8], size: tuple[int, int]) -> Image.Image:
    """Of a size: means of what a pixel covers where it shrinks, whole pixels where it grows."""
    picture = Image.fromarray(levels)
    grows = max(size) >= max(picture.size)
    how = Image.Resampling.NEAREST if grows else Image.Resampling.BOX
    return picture.resize(size, how).convert("RGB")


def _mask_levels(pictures: ScenePictures) -> NDArray[np.uint8]:
    levels = np.where(pictures.mask, 255, 0)
    if pictures.counted is not None:
        levels = np.where(pictures.counted, levels, NOT_KNOWN)
    return levels.astype(np.uint8)


def _grey_levels(saliency: NDArray[np.floating]) -> NDArray[np.uint8]:
    levels: NDArray[np.uint8] = np.rint(np.clip(saliency, 0, 1) * 255).astype(np.uint8)
    return levels


def _write(
    draw: ImageDraw.ImageDraw,
    place: tuple[float, float],
    text: str,
    room: int,
    colour: tuple[int, int, int],
    *,
    size: int = TEXT_SIZE,
    middle: bool = False,
) -> None:
    """Write a line of text from its upper left, or upper middle, cut to the room there is."""
    font = ImageFont.load_default(size=size)
    fitting = _fitting(text, font, room)
    x = place[0] - font.getlength(fitting) / 2 if middle else place[0]
    draw.text((round(x), place[1]), fitting, fill=colour, font=font)


def _fitting(text: str, font: Font, room: int) -> str:
    """The text in one line, its middle left out where it is too long."""
    # What is no letter (control codes, halves of pairs from names that are not UTF-8) is a "?".
    line = "".join("?" if unicodedata.category(sign) in ("Cc", "Cs") else sign for sign in text)
    shown = line
    kept = len(line)
    while kept > 1 and font.getlength(shown) > room:
        kept -= 1
        shown = f"{line[: kept - kept // 2]}...{line[len(line) - kept // 2 :]}"
    return shown
