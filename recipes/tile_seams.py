"""How tiles show in a saliency map, as docs/large-scenes.md tells it.

    dmssn scenes -o runs/large --count 3 --size 640x640 --seed 5
    python -m recipes.tile_seams runs/large/cubes/*.h5 [--tile 256] [--overlap 64]

prints a Markdown table, a line a cube. The blend is a mean of tiles whose weights change from pixel
to pixel; what a change of weights adds to the step between two neighbouring pixels is the seam.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import dmssn
from dmssn.detector import DEFAULT, load_network
from dmssn.tiles.detecting import TiledDetector
from dmssn.tiles.layout import tiles

Map = NDArray[np.float32]


class Watched(TiledDetector):
    """Keeps what each tile came out as."""

    kept: list[Map]

    def _tile(self, *given: object) -> Map:
        self.kept.append(super()._tile(*given))  # type: ignore[arg-type]
        return self.kept[-1]


def seams(detector: Watched, cube: dmssn.Cube) -> tuple[Map, dict[str, float]]:
    """The map of a cube without invalid pixels, and what tiles do to it."""
    detector.kept = []
    blend = detector.detect(cube).saliency
    places = list(tiles(blend.shape, detector.side, detector.overlap))
    low, high = np.full_like(blend, np.inf), np.full_like(blend, -np.inf)
    added = np.zeros((2, *blend.shape))  # down and across
    shared = np.zeros(blend.shape, dtype=int)
    for (rows, columns, weight), found in zip(places, detector.kept, strict=True):
        low[rows, columns] = np.minimum(low[rows, columns], found)
        high[rows, columns] = np.maximum(high[rows, columns], found)
        shared[rows, columns] += 1
        for axis in (0, 1):
            change = np.diff(weight, axis=axis, append=weight.take([-1], axis))
            added[axis][rows, columns] += change * found
    apart, steps = (high - low)[shared > 1], np.abs(added)[:, shared > 1]
    own = np.concatenate([np.abs(np.diff(blend, axis=axis)).ravel() for axis in (0, 1)])
    return blend, {
        "tiles": len(places),
        "apart, mean": float(apart.mean()),
        "apart, most": float(apart.max()),
        "seam, mean": float(steps.mean()),
        "seam, most": float(steps.max()),
        "bound": float(apart.max()) / detector.overlap,
        "steps of the map, 99.9 %": float(np.quantile(own, 0.999)),
    }


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("cubes", nargs="+", type=Path)
    options.add_argument("--tile", type=int, default=256)
    options.add_argument("--overlap", type=int)
    options.add_argument("--detector", default=DEFAULT)
    asked = options.parse_args()
    network = load_network(asked.detector)
    headings: list[str] = []
    for path in asked.cubes:
        cube = dmssn.read_cube(path)
        blend, found = seams(Watched(network, asked.tile, asked.overlap), cube)
        whole = TiledDetector(network, max(cube.shape[:2]))(cube)
        found["from the map of one tile, mean"] = float(np.abs(blend - whole).mean())
        if not headings:
            headings = ["scene", *found]
            print(f"| {' | '.join(headings)} |\n|{'---|' * len(headings)}")
        print(f"| {cube.name} | {' | '.join(f'{value:.4g}' for value in found.values())} |")


if __name__ == "__main__":
    main()
