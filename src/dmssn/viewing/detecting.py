"""Detectors at work on a scene that is looked at, and how good their maps are.

Letters: R regions, B bands, S side of the network's square.
"""

import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmssn.baselines.catalogue import CLASSICAL
from dmssn.cube import RowSource
from dmssn.detections import Detection, Detector
from dmssn.detector import detector_names, is_classical, load_detector
from dmssn.metric_names import HEADINGS, low_is_better
from dmssn.predicting import require_units
from dmssn.regions import OUTSIDE, RegionCube, region_sums
from dmssn.scoring import Pair, Scoring, score_pair
from dmssn.surveying import survey
from dmssn.trained.detector import TrainedDetector
from dmssn.trained.network import NetworkDetector
from dmssn.viewing.jobs import Job, MissingError, Watched
from dmssn.viewing.layers import code_colours, region_colours
from dmssn.viewing.maps import LEVELS, SaliencyMap, saliency_layer
from dmssn.viewing.scenes import Scene


class Detectors:
    """The detectors that the page offers.

    Args:
        first: Names, files or run folders that were named at the start.
        device: As ``load_detector`` takes it.
        data_set: Whose units the cubes are in, if that was said.

    Raises:
        SettingError: One of ``first`` does not exist.
        ValueError: One is damaged, or its statistics are of other units.
    """

    def __init__(
        self, first: Sequence[str] = (), *, device: str = "auto", data_set: str | None = None
    ) -> None:
        """Those that were named are loaded now, so that a mistake is told before the page opens."""
        self.names = list(dict.fromkeys([*first, *detector_names()]))
        self._device = device
        self._lock = threading.Lock()
        self._loaded: dict[str, Detector] = {}
        for name in first:
            if not is_classical(name):
                require_units(name, data_set)
            self.load(name)

    def offered(self) -> list[dict[str, str]]:
        """Each by its id, name, and what it looks for."""
        titles = {name: method.title for name, method in CLASSICAL.items()}
        return [
            {
                "id": f"d{number}",
                "name": self._loaded[name].name if name in self._loaded else name,
                "title": titles.get(name, "a trained network"),
                "kind": "classical" if is_classical(name) else "network",
            }
            for number, name in enumerate(self.names)
        ]

    def load(self, name: str) -> Detector:
        """A detector, loaded once.

        Raises:
            SettingError: It does not exist.
            ValueError: Its file is damaged.
        """
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = load_detector(name, device=self._device)
            return self._loaded[name]

    def run(self, number: int, scene: Scene, job: Job) -> SaliencyMap:
        """Have a detector make the map of a scene, which keeps it.

        Raises:
            MissingError: There is no detector of this number.
            ValueError: The cube does not fit it, or is damaged.
            MemoryError: There is too little memory.
        """
        if not 0 <= number < len(self.names):
            raise MissingError(f"no detector {number}")
        job.tell("loading the detector")
        detector = self.load(self.names[number])
        began = time.monotonic()
        detection = _detect(detector, scene, job)
        job.tell("drawing the map", 0.95)
        found = SaliencyMap(
            detector.name,
            saliency_layer(detection.saliency),
            (detection.bands_said, *detection.notes),
            seconds=time.monotonic() - began,
            **_regions(detector, detection.regions, scene, job),
        )
        scene.maps[f"d{number}"] = found
        return found


def _detect(detector: Detector, scene: Scene, job: Job) -> Detection:
    if scene.prepared is not None and isinstance(detector, TrainedDetector):
        job.tell("running the network")
        return Detection(
            detector.on_regions(scene.prepared), "the prepared scene as it is", scene.prepared
        )
    passes = len(detector.sizes) if isinstance(detector, TrainedDetector) else 1

    def tell(share: float) -> None:
        # What comes after reading takes a while too, and does not say how long.
        job.tell("reading the cube" if share < 0.9 else "detecting", 0.8 * share / passes)

    return detector.detect(Watched(scene.source, tell))


def _regions(
    detector: Detector, regions: RegionCube | None, scene: Scene, job: Job
) -> dict[str, Any]:
    """What there is to show of a trained detector's regions."""
    if regions is None:
        return {}
    layers = {"regions": region_colours(regions)}
    if isinstance(detector, NetworkDetector):  # an exported one does not give its code away
        layers["code"] = code_colours(detector.network, regions, detector.device)
    spectra = regions.spectra
    if scene.prepared is None:
        watched = Watched(scene.source, lambda share: job.tell("averaging regions", share))
        spectra = own_spectra(watched, regions)
    return {"regions": regions, "region_spectra": spectra, "layers": layers}


def own_spectra(source: RowSource, regions: RegionCube) -> NDArray[np.float32]:
    """Mean spectrum of each region in the cube's own bands and units, shape (R, B).

    At the size the regions are of, as the method has it; NaN for a region without a valid pixel.
    """
    height, width = regions.region_map.shape
    small = survey(source, (height, width)).small
    valid: NDArray[np.bool_] = np.asarray(np.isfinite(small).all(axis=2))
    ids = np.where(valid, regions.region_map, OUTSIDE)
    count = len(regions.spectra)
    pixels = np.where(valid[:, :, None], small, 0).reshape(ids.size, -1)
    sums, areas = region_sums(pixels, ids.ravel(), count)
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN, as wanted
        return (sums / areas[:, None]).astype(np.float32)


def judge(scene: Scene, found: SaliencyMap, job: Job) -> dict[str, Any]:
    """Every metric of a map beside its mask, and what a threshold gives.

    Returns:
        ``metrics``, each by its heading; ``precision`` and ``recall`` at thresholds t / ``STEPS``,
        NaN where nothing is called or salient; and how the map was scored.

    Raises:
        MissingError: The scene has no mask.
        ValueError: The map cannot be scored.
    """
    if scene.truth is None:
        raise MissingError("this scene has no mask")
    job.tell("scoring the map")
    mask, counted = scene.truth.mask, scene.truth.counted
    scoring = Scoring(ignore=None if counted is None else "set")
    # In float64, as from a file: rounded, levels at a threshold would fall below it.
    values = score_pair(Pair(found.saliency.whole / LEVELS, mask, counted), scoring)
    hits, called = found.above(mask), found.above(counted)
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN, as wanted
        precision, recall = hits / called, hits / mask.sum()
    return {
        "metrics": [
            {"name": name, "heading": HEADINGS[name], "low": low_is_better(name), "value": value}
            for name, value in values.items()
        ],
        "precision": precision,
        "recall": recall,
        "scoring": scoring.said,
    }
