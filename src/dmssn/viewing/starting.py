"""The viewer for what was named on the command line."""

from collections.abc import Callable, Sequence
from pathlib import Path

from dmssn.config import SettingError
from dmssn.detector import BEST
from dmssn.map_files import find_maps, find_masks
from dmssn.readers import CubeFile
from dmssn.readers.stored import cube_name
from dmssn.runs.records import read_about
from dmssn.viewing.detecting import Detectors
from dmssn.viewing.places import Listing, find_scenes, is_run, prepared_set_of
from dmssn.viewing.truth import Named
from dmssn.viewing.viewer import Viewer


def start_viewer(
    path: Path,
    *,
    opener: Callable[[Path], CubeFile],
    detectors: Sequence[str] = (),
    masks: Sequence[Path] = (),
    mask_key: str | None = None,
    maps: Sequence[Path] = (),
    device: str = "auto",
    data_set: str | None = None,
) -> Viewer:
    """Find what there is to look at.

    Args:
        path: A cube, a folder, a prepared set or a run.
        opener: Opens a cube's file without reading its numbers.
        detectors: To offer before those that come with the program.
        masks: Files and folders of masks, named like their cubes; the only one of a single cube may
            have any name.
        mask_key: Variable that is the mask.
        maps: Files and folders of saliency maps, likewise.
        device: As ``load_detector`` takes it.
        data_set: Whose units the cubes are in, if that was said.

    Raises:
        FileNotFoundError: A path is not there.
        SettingError: There is nothing to look at, or no such detector.
        ValueError: A file is damaged, or two have one name.
    """
    first, looked_at = list(detectors), path
    if is_run(path):
        _, identity, _ = read_about(path)
        if identity.get("stage") == "detector" and (path / BEST).is_file():
            first.insert(0, str(path))
        looked_at = prepared_set_of(path)
    listing = find_scenes(looked_at)
    if not listing.entries:
        raise SettingError(
            f"{looked_at}: no cube and no prepared set in it; `dmssn info FILE` says how a cube's "
            "file is understood"
        )
    named = Named(
        _for_one(listing, find_masks(masks, variables=mask_key is not None) if masks else {}),
        mask_key,
        _for_one(listing, find_maps(maps) if maps else {}),
    )
    offered = Detectors(first, device=device, data_set=data_set)
    title = path.resolve().name or str(path.resolve())
    return Viewer(lambda: find_scenes(looked_at), opener, named, offered, title)


def _for_one(listing: Listing, found: dict[str, Path]) -> dict[str, Path]:
    """Files by the name of their cube; the only one is that of the only cube, by any name."""
    if len(listing.entries) == 1 and len(found) == 1:
        return {cube_name(listing.entries[0].path): next(iter(found.values()))}
    return found
