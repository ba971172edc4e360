"""Are generated scenes like real cubes? Compare what can be counted.

    python -m recipes.scene_statistics --real FOLDER                    # 40 scenes a camera
    python -m recipes.scene_statistics --real FOLDER --scenes 8 --no-regions     # a quick look

prints a Markdown table of the real cubes in FOLDER, which ``recipes/real_cubes.py`` describes: the
numbers of each camera's cubes beside the median, and the range from 10 to 90 %, of scenes generated
with that camera's bands and size, and of a like background. A star marks a real number outside that
range.

Letters: H rows, W columns, B bands.
"""

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dmssn.cube import Cube
from dmssn.scenes import generate_scene
from dmssn.scenes.sensor import is_water_band
from recipes.scene_measures import Mask, measure
from recipes.score import real

PLAIN = ("plain",)
AIRBORNE = ("patchwork", "coast")
LIKE = {"abu": AIRBORNE, "muufl": AIRBORNE}
"""Backgrounds that cubes whose names begin so are compared with; the others, on cloths and belts,
with ``PLAIN``."""
AVIRIS_BANDS = 224
"""Cubes without wavelengths are of this camera, less the bands that air takes."""
RANGE_NM = (400.0, 2450.0)


@dataclass(frozen=True, eq=False)
class Pool:
    """Real cubes of one camera, and how scenes like theirs are drawn.

    Attributes:
        cubes: Name, cube and mask of each.
        kinds: Backgrounds of like scenes.
    """

    cubes: list[tuple[str, Cube, Mask]]
    kinds: tuple[str, ...]


def pools(folder: Path) -> list[Pool]:
    """The real cubes, by camera; bands that generated scenes cannot have are left out."""
    found: dict[tuple[object, ...], Pool] = {}
    for name, cube, mask, crop in real(folder):
        kinds = next((value for key, value in LIKE.items() if name.startswith(key)), PLAIN)
        nm = cube.wavelengths_nm
        inside = slice(None) if nm is None else (nm >= RANGE_NM[0]) & (nm <= RANGE_NM[1])
        nm = None if nm is None else nm[inside]
        cut = Cube(np.ascontiguousarray(cube.data[crop][:, :, inside]), nm, name)
        camera = (kinds, "AVIRIS") if nm is None else (kinds, cut.bands, nm[0], nm[-1])
        found.setdefault(camera, Pool([], kinds)).cubes.append((name, cut, mask[crop]))
    return list(found.values())


def like(pool: Pool, count: int, first: int = 0) -> Iterator[tuple[Cube, Mask]]:
    """Generated scenes of a pool's camera, size and kinds of background.

    Args:
        pool: What they are to be like.
        count: How many.
        first: Seed to begin at.
    """
    cube = pool.cubes[0][1]
    bands, limits = AVIRIS_BANDS, RANGE_NM
    if cube.wavelengths_nm is not None:
        bands, limits = cube.bands, (cube.wavelengths_nm[0], cube.wavelengths_nm[-1])
    seed = first
    while count:
        scene = generate_scene(
            seed, height=cube.height, width=cube.width, bands=bands, wavelength_range_nm=limits
        )
        seed += 1
        if scene.facts["background"] not in pool.kinds:
            continue
        count -= 1
        yield without_water(scene.cube) if cube.wavelengths_nm is None else scene.cube, scene.mask


def without_water(cube: Cube) -> Cube:
    """A cube less the bands in which air lets no light through, as AVIRIS cubes are given out."""
    assert cube.wavelengths_nm is not None
    kept = ~is_water_band(cube.wavelengths_nm)
    return Cube(np.ascontiguousarray(cube.data[:, :, kept]), cube.wavelengths_nm[kept], cube.name)


def columns(pool: Pool, scenes: int, *, regions: bool) -> tuple[dict[str, str], dict[str, str]]:
    """What a table says of a pool's cubes and of scenes like them, by the title of the line."""
    own = [measure(cube, mask, regions=regions) for _, cube, mask in pool.cubes]
    drawn = [measure(cube, mask, regions=regions) for cube, mask in like(pool, scenes)]
    cubes, like_them = {}, {}
    for title in own[0]:
        values = np.array([each[title] for each in drawn])
        values = values[~np.isnan(values)]
        low, middle, high = np.percentile(values, [10, 50, 90]) if values.size else [np.nan] * 3
        cubes[title] = ", ".join(_marked(each[title], low, high) for each in own)
        spread = f"{_short(middle)} ({_short(low)} to {_short(high)})"
        like_them[title] = spread if values.size else "-"
    return cubes, like_them


def table(pools: list[Pool], scenes: int, *, regions: bool) -> list[str]:
    """The lines of a Markdown table, two columns a pool."""
    heads, found = [""], list[dict[str, str]]()
    for pool in pools:
        names = [re.sub(r"[_-]", " ", re.sub(r"_\d+x.*", "", name)) for name, _, _ in pool.cubes]
        heads += [", ".join(names), "generated"]
        found += columns(pool, scenes, regions=regions)
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for title in found[0]:
        lines.append(f"| {title} | {' | '.join(column[title] for column in found)} |")
    return lines


def _marked(value: float, low: float, high: float) -> str:
    """A star beside what is outside the range."""
    return _short(value) + ("\\*" if value < low or value > high else "")


def _short(value: float) -> str:
    if np.isnan(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def main() -> None:
    """See the top."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--real", type=Path, required=True)
    parser.add_argument("--scenes", type=int, default=40)
    parser.add_argument("--no-regions", action="store_true")
    options = parser.parse_args()
    found = pools(options.real)
    print("\n".join(table(found, options.scenes, regions=not options.no_regions)))


if __name__ == "__main__":
    main()
