"""Contact sheets of generated scenes: one for each attribute, and one of scenes as they come.

    python -m recipes.scene_sheets -o docs/scenes
    python -m recipes.scene_sheets -o sheets --only CS --scenes 8 --stream v1

writes DIR/any.jpg, DIR/CB.jpg and so on: the first scenes of the stream that were asked to have the
attribute, none picked. A row is a scene: its colours, a band in the near infrared (or its longest),
its mask, and the mean spectra of the objects and of what lies around them.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from dmssn.rendering import render
from dmssn.scenes import Scene, generate_scene
from dmssn.scenes.attributes import ATTRIBUTES, GAP
from dmssn.scenes.spectra import STREAMS

ANY = "any"
"""Name of the sheet of scenes of which nothing was asked."""
INFRARED_NM = 850.0
QUALITY = 82
"""Of the JPEG files, for sheets under 200 KB."""
AROUND = 0.1
"""Width of the surround whose spectrum is shown, as a share of the picture's shorter side."""
INSIDE, OUTSIDE = "#c2410c", "#1f4e79"


def sheet(scenes: Iterable[Scene]) -> Figure:
    """A row of pictures for each scene."""
    scenes = list(scenes)
    figure = Figure(figsize=(9.2, 1.98 * len(scenes)), layout="constrained")
    grid = figure.subplots(
        len(scenes), 4, squeeze=False, width_ratios=[1, 1, 1, 1.5], gridspec_kw={"hspace": 0.02}
    )
    for row, scene in zip(grid, scenes, strict=True):
        nm = scene.cube.wavelengths_nm
        assert nm is not None  # of every generated scene
        band = infrared_band(nm)
        _picture(row[0], render(scene.cube), _told(scene))
        _picture(row[1], stretched(scene.cube.data[:, :, band]), f"{nm[band]:.0f} nm")
        share = f"{scene.mask.mean():.1%} salient"
        _picture(row[2], scene.mask.astype(np.uint8) * 255, share)
        _plot(row[3], scene, nm)
    grid[0, 3].legend(fontsize=6, frameon=False, loc="best")
    return figure


def infrared_band(nm: NDArray[np.float64]) -> int:
    """The band nearest to 850 nm, or the longest of a camera that ends before."""
    return int(np.abs(nm - INFRARED_NM).argmin())


def stretched(band: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A band in greys, its lowest hundredth black and its highest two hundredths white."""
    low, high = np.percentile(band, [1, 98])
    scaled = np.clip((band - low) / max(high - low, 1e-12), 0, 1)
    return np.asarray(np.rint(255 * scaled ** (1 / 2.2)), dtype=np.uint8)


def mean_spectra(scene: Scene) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean spectrum of the salient pixels and of those around them, shape (B,) each.

    Those around are farther off than the lens blurs an edge; where there are none, NaN.
    """
    away = distance_transform_edt(~scene.mask)
    reach = max(AROUND * min(scene.mask.shape), 2.0)
    around = (away > GAP) & (away <= GAP + reach)
    nothing = np.full(scene.cube.bands, np.nan)
    front, behind = (
        scene.cube.data[pixels].mean(axis=0, dtype=np.float64) if pixels.any() else nothing
        for pixels in (scene.mask, around)
    )
    return front, behind


def _told(scene: Scene) -> str:
    codes = " ".join(scene.attributes) or "no attribute"
    return f"{codes} · {scene.facts['background']}"


def _picture(axes: Axes, levels: NDArray[np.uint8], title: str) -> None:
    axes.imshow(levels, cmap="gray", vmin=0, vmax=255, interpolation="lanczos")
    axes.set_title(title, fontsize=7, pad=2)
    axes.set_axis_off()


def _plot(axes: Axes, scene: Scene, nm: NDArray[np.float64]) -> None:
    front, behind = mean_spectra(scene)
    top = np.nanmax([front, behind])
    axes.plot(nm, behind / top, color=OUTSIDE, linewidth=1.1, label="around")
    axes.plot(nm, front / top, color=INSIDE, linewidth=1.1, label="objects")
    low, high = nm[[0, -1]]
    numbers = scene.facts["numbers"]
    title = f"{scene.cube.bands} bands, {low:.0f}-{high:.0f} nm, {numbers}"
    axes.set_title(title, fontsize=7, pad=2)
    axes.tick_params(labelsize=6, length=2, pad=1)
    axes.set_ylim(bottom=min(0.0, float(np.nanmin([front, behind]) / top)))
    axes.set_yticks([])
    axes.spines[["top", "right", "left"]].set_visible(False)


def main() -> None:
    """See the top."""
    names = [ANY, *ATTRIBUTES]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--scenes", type=int, default=5, help="rows of a sheet")
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--stream", choices=STREAMS, default="train")
    parser.add_argument(
        "--first", type=int, default=0, help="seed of the first sheet's first scene"
    )
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    for name in options.only:
        asked = () if name == ANY else (name,)
        # Seeds of its own for each sheet: a scene may have more than was asked for.
        first = options.first + options.scenes * names.index(name)
        seeds = range(first, first + options.scenes)
        figure = sheet(
            generate_scene(seed, attributes=asked, stream=options.stream) for seed in seeds
        )
        path = options.output / f"{name}.jpg"
        figure.savefig(path, dpi=110, pil_kwargs={"quality": QUALITY, "optimize": True})
        print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
