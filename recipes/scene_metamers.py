"""Do metamer scenes need a spectrum? Detectors on cubes, and on their renderings in three colours.

    python -m recipes.scene_metamers --scenes 50
    python -m recipes.scene_metamers --scenes 10 --stream v1 --detector runs/mine/detector

prints a Markdown table of mean ROC AUC, 0.5 being chance: on scenes with colour similarity (CS),
where objects have the colour of what surrounds them, and for comparison on scenes with true colours
of which nothing was asked. The rendering is linear red, green and blue before it is rounded to 8
bits: more than a picture file holds.
"""

import argparse
from collections.abc import Callable, Iterator
from itertools import count, islice

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter
from scipy.stats import rankdata

import dmssn
from dmssn.cube import Cube
from dmssn.metrics import roc_auc
from dmssn.rendering import COLOUR_NM, palette
from dmssn.resample import resample_bands
from dmssn.scenes import Scene, generate_scene
from dmssn.scenes.metamers import spectral_angle
from dmssn.scenes.spectra import STREAMS, Stream

SMALL, LARGE = 0.02, 0.3
"""Sides of the centre and of its surround, as shares of the picture's shorter side."""

Map = NDArray[np.float64]
Detect = Callable[[Cube], NDArray[np.floating]]


def angle_to_mean(cube: Cube) -> Map:
    """Spectral angle to the scene's mean spectrum, in radians."""
    return spectral_angle(cube.data, cube.data.mean(axis=(0, 1), dtype=np.float64))


def angle_to_surround(cube: Cube) -> Map:
    """Spectral angle of a small window to a large one around it, in radians."""
    side = min(cube.shape[:2])
    centre, around = (
        uniform_filter(cube.data, (max(1, round(share * side)),) * 2 + (1,), mode="nearest")
        for share in (SMALL, LARGE)
    )
    return spectral_angle(centre, around)


SIMPLE: dict[str, Detect] = {
    "RX": dmssn.load_detector("rx"),
    "spectral angle to the mean": angle_to_mean,
    "spectral angle to the surround": angle_to_surround,
}


def rendering(cube: Cube) -> Cube:
    """The cube as a colour camera would have it: blue, green and red, linear.

    Raises:
        ValueError: Its bands give no true colour.
    """
    colours = palette(cube.bands, cube.wavelengths_nm)
    if not colours.true:
        raise ValueError(f"{cube.name}: its bands give no true colour")
    red_green_blue = resample_bands(cube.data, colours.weights)
    data = np.ascontiguousarray(red_green_blue[:, :, ::-1])
    return Cube(data, np.array(COLOUR_NM[::-1]), cube.name)


def auc(scores: NDArray[np.floating], mask: NDArray[np.bool_]) -> float:
    """Chance that a salient pixel has a higher score than another; scores are of any range."""
    ranks = rankdata(scores).reshape(mask.shape) / mask.size
    return roc_auc(ranks, mask)


def scenes(codes: tuple[str, ...], stream: Stream, side: int) -> Iterator[Scene]:
    """Scenes with true colours, of which ``codes`` are asked, from seed 0 on, without end."""
    for seed in count():
        scene = generate_scene(seed, height=side, width=side, attributes=codes, stream=stream)
        if palette(scene.cube.bands, scene.cube.wavelengths_nm).true:
            yield scene


def compare(found: Iterator[Scene], detectors: dict[str, Detect]) -> dict[str, NDArray[np.float64]]:
    """ROC AUC on each scene, by detector: on its cube and on its rendering, shape (scenes, 2)."""
    scores: dict[str, list[tuple[float, float]]] = {name: [] for name in detectors}
    for scene in found:
        colours = rendering(scene.cube)
        for name, detect in detectors.items():
            pair = auc(detect(scene.cube), scene.mask), auc(detect(colours), scene.mask)
            scores[name].append(pair)
    return {name: np.array(pairs) for name, pairs in scores.items()}


def main() -> None:
    """See the top."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--scenes", type=int, default=50)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--stream", choices=STREAMS, default="train")
    parser.add_argument("--detector", type=str, help="name, checkpoint or run; the shipped one")
    options = parser.parse_args()
    network = dmssn.load_detector(options.detector)
    detectors: dict[str, Detect] = {**SIMPLE, f"network `{network.name}`": network}
    columns = [
        compare(islice(scenes(codes, options.stream, options.side), options.scenes), detectors)
        for codes in (("CS",), ())
    ]
    print("| detector | CS, cube | CS, rendering | any, cube | any, rendering |")
    print("|---|---|---|---|---|")
    for name in detectors:
        means = np.concatenate([column[name].mean(axis=0) for column in columns])
        print(f"| {name} | {' | '.join(f'{mean:.3f}' for mean in means)} |")


if __name__ == "__main__":
    main()
