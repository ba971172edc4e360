"""What the viewer's server knows: scenes that are open, detectors, and the jobs on them.

Letters: H rows, W columns.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmssn import __version__
from dmssn.readers import CubeFile
from dmssn.viewing.detecting import Detectors, judge
from dmssn.viewing.jobs import ChangedError, Job, Jobs, MissingError
from dmssn.viewing.maps import SaliencyMap
from dmssn.viewing.places import Listing
from dmssn.viewing.scenes import Scene
from dmssn.viewing.spectra import means_of
from dmssn.viewing.truth import Named

OPEN_SCENES = 3
"""Scenes that are kept open; the longest unused is closed for another."""
AT_ONCE_SECONDS = 0.05
"""A job is given this long to be done before the page is told to ask again."""
LAYER = re.compile(r"colour|pca|mask|regions|band-\d{1,6}|bands(-\d{1,6}){3}", re.ASCII)
DETECTOR = re.compile(r"d(\d{1,4})", re.ASCII)


class Wanted(NamedTuple):
    """A job that the page asks for.

    Attributes:
        task: Of "layer", "detect", "saved" (a map that is there), "means", "metrics", "spectra".
        name: The layer, or the id of a detector or map.
        threshold: Of ``means``, in [0, 1].
    """

    task: str
    name: str = ""
    threshold: float = 0.5


class Viewer:
    """What the server knows.

    Args:
        listing: Gives the scenes anew each time it is asked.
        opener: Opens a cube's file.
        named: Masks and maps named at the start.
        detectors: What the page offers.
        title: What is looked at, for people.
    """

    def __init__(
        self,
        listing: Callable[[], Listing],
        opener: Callable[[Path], CubeFile],
        named: Named,
        detectors: Detectors,
        title: str,
    ) -> None:
        """No scene is open yet."""
        self._list = listing
        self._opener = opener
        self._named = named
        self.detectors = detectors
        self.title = title
        self.jobs = Jobs()
        self._listing = listing()
        self._open: OrderedDict[str, Scene] = OrderedDict()
        self._lock = threading.Lock()

    def start(self) -> dict[str, Any]:
        """What the page shows first."""
        self._listing = self._list()
        return {
            "version": __version__,
            "title": self.title,
            "scenes": [{"id": entry.id, "name": entry.name} for entry in self._listing.entries],
            "more": self._listing.more,
            "detectors": self.detectors.offered(),
        }

    def scene(self, name: str, as_of: str = "") -> Scene:
        """A scene by its id, opened if it is not, or anew if its file was written since.

        Args:
            name: The id.
            as_of: ``Scene.opened`` of the one that is meant; whatever it is now when left out.

        Raises:
            MissingError: There is no such scene.
            ChangedError: It is not as it was then.
            OSError: It cannot be opened.
            ValueError: Likewise.
        """
        with self._lock:
            scene = self._current(name)
        if as_of not in ("", scene.opened):
            raise ChangedError(f"{scene.entry.name} was written anew since it was opened")
        return scene

    def _current(self, name: str) -> Scene:
        if name in self._open and self._open[name].is_current:
            self._open.move_to_end(name)
            return self._open[name]
        entry = next((entry for entry in self._listing.entries if entry.id == name), None)
        if entry is None:
            raise MissingError("no such scene")
        scene = Scene(entry, self._opener, self._named)
        self._open[name] = scene
        self._open.move_to_end(name)
        while len(self._open) > OPEN_SCENES:
            self._open.popitem(last=False)
        return scene

    def map_of(self, scene: Scene, name: str) -> SaliencyMap:
        """A map that was made.

        Raises:
            MissingError: It was not.
        """
        if name not in scene.maps:
            raise MissingError("no such map; run the detector")
        return scene.maps[name]

    def begin(self, scene: Scene, wanted: Wanted) -> Job:
        """Begin a job.

        Raises:
            MissingError: There is no such layer, detector or map.
            BusyError: Too many wait.
        """
        job = self.jobs.start((id(scene), *wanted), self._work(scene, wanted))
        job.ended.wait(AT_ONCE_SECONDS)
        return job

    def _work(self, scene: Scene, wanted: Wanted) -> Callable[[Job], dict[str, Any]]:
        match wanted.task:
            case "layer" if LAYER.fullmatch(wanted.name):
                return partial(_layer, scene, wanted.name)
            case "detect" if known := DETECTOR.fullmatch(wanted.name):
                return partial(self._detect, int(known[1]), scene)
            case "saved":
                return partial(_saved, scene, wanted.name)
            case "metrics":
                return partial(judge, scene, self.map_of(scene, wanted.name))
            case "means":
                salient = self.map_of(scene, wanted.name).values() >= wanted.threshold
                return partial(_means, scene, salient)
            case "spectra":
                return partial(_unpacked, scene)
        raise MissingError(f"nothing is done by the name {wanted.task} {wanted.name}")

    def _detect(self, number: int, scene: Scene, job: Job) -> dict[str, Any]:
        return _told(self.detectors.run(number, scene, job))


def _layer(scene: Scene, name: str, job: Job) -> dict[str, Any]:
    return {"layer": scene.make(name, job).facts()}


def _saved(scene: Scene, name: str, job: Job) -> dict[str, Any]:
    job.tell("reading the map")
    return _told(scene.saved_map(name))


def _told(found: SaliencyMap) -> dict[str, Any]:
    layers = {"saliency": found.saliency, **found.layers}
    return {
        "name": found.name,
        "said": list(found.said),
        "seconds": found.seconds,
        "above": found.above(),
        "histogram": np.bincount(found.saliency.whole.ravel() >> 8, minlength=256),
        "regions": None if found.regions is None else len(found.regions.spectra),
        "layers": {name: layer.facts() for name, layer in layers.items()},
    }


def _means(scene: Scene, salient: NDArray[np.bool_], job: Job) -> dict[str, Any]:
    means, counts = means_of(scene.source, salient, job)
    return {
        "background": means[0],
        "salient": means[1],
        "background_pixels": int(counts[0]),
        "salient_pixels": int(counts[1]),
    }


def _unpacked(scene: Scene, job: Job) -> dict[str, Any]:
    scene.spectra.unpack(job)
    return {}
