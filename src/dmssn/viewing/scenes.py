"""A scene that is looked at: its cube, what was computed of it, and what is shown.

Letters: H rows, W columns, B bands, S side of the network's square.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmssn.cube import Cube, RowSource
from dmssn.readers import CubeFile
from dmssn.regions import OUTSIDE, RegionCube
from dmssn.rendering import palette
from dmssn.saliency_maps import read_saliency
from dmssn.store import PreparedSet
from dmssn.surveying import survey
from dmssn.viewing.jobs import Job, MissingError, Watched
from dmssn.viewing.layers import principal_directions, region_colours, shown, weighted
from dmssn.viewing.maps import LEVELS, SaliencyMap, saliency_layer
from dmssn.viewing.places import Entry, check_confined, stays, written
from dmssn.viewing.spectra import Spectra, chosen_bands
from dmssn.viewing.tiles import Layer
from dmssn.viewing.truth import Named, Truth, find_maps, find_truth

PREVIEW_SIDE = 160
"""Longest side of the small cube that single bands are previewed from."""
KEPT_BYTES = 256 * 2**20
"""Of layers that a scene keeps; the longest unused go, and are made again when asked for."""


class Scene:
    """A scene.

    Args:
        entry: Where it is.
        opener: Opens a cube's file without reading its numbers.
        named: Masks and maps that were named at the start.

    Attributes:
        source: The cube.
        prepared: Its regions, if it is a prepared scene.
        truth: Its mask, if there is one that fits.
        maps: Saliency maps by an id: ``f0``, ... of files, ``d0``, ... of detectors.

    Raises:
        OSError: It is gone, may not be read, or a link leads out of where it is looked for.
        ValueError: It is damaged, or leaves a choice to be made.
    """

    def __init__(self, entry: Entry, opener: Callable[[Path], CubeFile], named: Named) -> None:
        """Open it; no numbers of a file are read yet."""
        self.entry = entry
        self.source: RowSource
        self.prepared: RegionCube | None = None
        self.truth: Truth | None = None
        self.wrong = ""
        self.maps: dict[str, SaliencyMap] = {}
        self._files: dict[str, Path] = {}
        self._named = named
        check_confined(entry)
        parts = {entry.file: written(entry.file)}
        if entry.scene is None:
            self.source = file = opener(entry.path)
            # Raw numbers are mapped from a file of their own.
            if mapped := getattr(file.stored.array, "filename", None):
                parts[Path(mapped)] = written(Path(mapped))
            shape = self.source.shape[:2]
            self.truth, self.wrong = find_truth(entry.path, shape, entry.root, named)
            self._files = find_maps(entry.path, entry.root, named)
        else:
            self._open_prepared(entry.path, entry.scene)
        check_confined(entry)  # once more: what was opened may have been put there in between
        self._parts = parts
        self.spectra = Spectra(self.source)
        self._small: NDArray[np.float32] | None = None
        self._layers: OrderedDict[str, Layer] = OrderedDict()
        self._lock = threading.Lock()

    def _open_prepared(self, root: Path, name: str) -> None:
        prepared = PreparedSet(root)
        scene = prepared.read(name)
        values = scene.cube.dense()
        values[scene.cube.region_map == OUTSIDE] = np.nan
        nm = prepared.manifest.wavelengths_nm
        notes = (
            "a prepared scene: regions in place of pixels, spectra standardized and scaled to 0..1",
        )
        known = None if nm is None else np.asarray(nm, dtype=np.float64)
        self.source = Cube(values, known, name, notes)
        self.prepared = scene.cube
        self.truth = Truth(scene.mask, scene.counted, "the prepared scene")

    @property
    def is_current(self) -> bool:
        """Whether its files are those that were opened."""
        return all(written(path) == then for path, then in self._parts.items())

    @property
    def opened(self) -> str:
        """What its files were when they were opened, for the page to tell them apart."""
        return hashlib.sha256(repr(sorted(self._parts.items())).encode()).hexdigest()[:16]

    def facts(self) -> dict[str, Any]:
        """What the page shows of it at once."""
        height, width, bands = self.source.shape
        nm = self.source.wavelengths_nm
        true = palette(bands, nm).true
        return {
            "id": self.entry.id,
            "opened": self.opened,
            "name": self.entry.name,
            "cube": self.source.name,
            "height": height,
            "width": width,
            "bands": bands,
            "wavelengths": None if nm is None else [round(float(value), 4) for value in nm],
            "true_colour": true,
            "notes": [*self.source.notes, *([self.wrong] if self.wrong else [])],
            "prepared": self.prepared is not None,
            "mask": None if self.truth is None else self.truth.origin,
            "maps": {f"f{i}": name for i, name in enumerate(self._files)},
            "made": [name for name in self.maps if name.startswith("d")],
            "spectra": "now" if self.spectra.ready else "unpack",
        }

    def layer(self, name: str) -> Layer:
        """What was made of it by a name and is still kept.

        Args:
            name: Of ``make``, or ``saliency-ID``, ``regions-ID``, ``code-ID`` of a map's id.

        Raises:
            MissingError: It was not made, or is no longer kept.
        """
        kind, _, which = name.partition("-")
        if which in self.maps:
            known = {"saliency": self.maps[which].saliency, **self.maps[which].layers}
            layer = known.get(kind)
        else:
            with self._lock:
                layer = self._layers.get(name)
                if layer is not None:
                    self._layers.move_to_end(name)
        if layer is None:
            raise MissingError("not drawn yet")
        return layer

    def make(self, name: str, job: Job) -> Layer:
        """Make what is shown by a name, unless it is kept.

        Args:
            name: ``colour``, ``band-N``, ``bands-R-G-B``, ``pca``; ``mask`` where there is one;
                ``regions`` of a prepared scene.
            job: Told how far it is.

        Raises:
            MissingError: There is no such thing.
            ValueError: The cube's file is damaged, or no pixel is valid.
        """
        with suppress(MissingError):
            return self.layer(name)
        kind, *numbers = name.split("-")
        bands = [int(number) for number in numbers]
        if any(band >= self.source.shape[2] for band in bands):
            raise MissingError(f"no such band: {name}")
        match kind, len(bands):
            case "colour", 0:
                made = self._survey(job)
            case ("band", 1) | ("bands", 3):
                job.tell("reading bands" if len(bands) > 1 else "reading the band")
                made = shown(chosen_bands(self.source, bands))
            case "pca", 0:
                if self._small is None:
                    self._keep("colour", self._survey(job))
                assert self._small is not None
                directions = principal_directions(self._small)
                made = shown(weighted(self._watched(job, "projecting"), directions))
            case "mask", 0 if self.truth is not None:
                made = Layer(self.truth.levels(), shrink="most")
            case "regions", 0 if self.prepared is not None:
                made = region_colours(self.prepared)
            case _:
                raise MissingError(f"nothing is shown by the name {name}")
        self._keep(name, made)
        return made

    def pixel(self, row: int, column: int, which: str = "") -> dict[str, Any]:
        """What there is to know of a pixel, plain values and arrays.

        Args:
            row: From 0, from the top.
            column: From 0, from the left.
            which: Id of a map, for its saliency and region; or nothing.

        Returns:
            ``spectrum``, and ``valid``: whether all of it is finite; ``salient`` by the mask, None
            where that is not known; ``saliency``; and ``region`` with ``number``, ``pixels`` at
            the network's size, and ``mean``, its spectrum.

        Raises:
            MissingError: There is no such pixel.
            NotUnpackedError: Spectra are not to be had yet.
            ValueError: The cube's file is damaged.
        """
        spectrum = self.spectra.at(row, column)
        told: dict[str, Any] = {
            "row": row,
            "column": column,
            "spectrum": spectrum,
            "valid": bool(np.isfinite(spectrum).all()),
        }
        if self.truth is not None:
            known = self.truth.counted is None or self.truth.counted[row, column]
            told["salient"] = bool(self.truth.mask[row, column]) if known else None
        found = self.maps.get(which)
        regions, means = self.prepared, None if self.prepared is None else self.prepared.spectra
        if found is not None:
            told["saliency"] = int(found.saliency.whole[row, column]) / LEVELS
            regions, means = found.regions or regions, found.region_spectra
        if regions is not None and means is not None:
            height, width, _ = self.source.shape
            tall, wide = regions.region_map.shape
            # The region that lies under the pixel's middle.
            place = (2 * row + 1) * tall // (2 * height), (2 * column + 1) * wide // (2 * width)
            number = int(regions.region_map[place])
            if number != OUTSIDE:
                pixels = int(regions.areas[number])
                told["region"] = {"number": number, "pixels": pixels, "mean": means[number]}
        return told

    def preview(self, band: int) -> NDArray[np.float32]:
        """A band at a small size, shape (h, w, 1).

        Raises:
            MissingError: There is no such band, or the cube was not yet read.
        """
        if self._small is None or not 0 <= band < self.source.shape[2]:
            raise MissingError("no preview")
        return np.ascontiguousarray(self._small[:, :, band : band + 1])

    def saved_map(self, which: str) -> SaliencyMap:
        """A saliency map that was made, or lies in a file, by its id.

        Raises:
            MissingError: There is no such map.
            ValueError: Its file is damaged, or it is of another size than the cube.
        """
        if which in self.maps:
            return self.maps[which]
        known = {f"f{i}": pair for i, pair in enumerate(self._files.items())}
        if which not in known:
            raise MissingError(f"no map {which}")
        name, path = known[which]
        if path not in self._named.maps.values() and not stays(path, self.entry.root):
            raise MissingError(f"{name} is no longer there, or a link out of what is looked at")
        found = read_saliency(path)
        height, width, _ = self.source.shape
        if found.shape != (height, width):
            rows, columns = found.shape
            raise ValueError(f"{path}: {rows} x {columns}, its cube is {height} x {width}")
        if not (found.min() >= 0 and found.max() <= 1):  # NaN, too, fails this
            raise ValueError(f"{path}: saliency is from 0 to 1, the map holds other values")
        self.maps[which] = SaliencyMap(name, saliency_layer(found))
        return self.maps[which]

    def _survey(self, job: Job) -> Layer:
        height, width, bands = self.source.shape
        colours = palette(bands, self.source.wavelengths_nm)
        scale = min(1.0, PREVIEW_SIDE / max(height, width))
        size = max(1, round(height * scale)), max(1, round(width * scale))
        found = survey(self._watched(job, "reading the cube"), size, colours=colours.weights)
        assert found.colours is not None  # they were asked for
        self._small = found.small
        return shown(found.colours, true=colours.true)

    def _watched(self, job: Job, doing: str) -> Watched:
        return Watched(self.source, lambda share: job.tell(doing, share))

    def _keep(self, name: str, made: Layer) -> None:
        with self._lock:
            self._layers[name] = made
            held = sum(layer.bytes for layer in self._layers.values())
            for old in list(self._layers):
                if held <= KEPT_BYTES or old in (name, "colour", "mask"):
                    continue
                held -= self._layers.pop(old).bytes
