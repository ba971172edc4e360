"""Detectors by name or file, and the trained ones among them."""

import os
from collections.abc import Sequence
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from dmssn import __version__, checkpoint_header, detector_settings
from dmssn.baselines.catalogue import CLASSICAL, classical
from dmssn.checkpoint_header import Header
from dmssn.classical import ClassicalDetector
from dmssn.config import SettingError
from dmssn.detections import Detector
from dmssn.devices import check_device, choose_device
from dmssn.files import fingerprint
from dmssn.threads import installed_torch
from dmssn.trained import onnx
from dmssn.trained.detector import TrainedDetector

if TYPE_CHECKING:
    from dmssn.trained.network import NetworkDetector

SHIPPED = {"dmssn": "dmssn.safetensors"}
"""Detectors that come with the package: name to file in ``dmssn/weights``."""
DEFAULT = "dmssn"
BEST = "best.safetensors"
"""The checkpoint of a run folder."""


def load_detector(
    name_or_file: str | os.PathLike[str] | None = None, *, device: str = "auto"
) -> Detector:
    """Load a detector.

    Args:
        name_or_file: Name of one that comes with the package (``detector_names``), a classical
            one's with settings if need be (``local-rx:inner=5:outer=15``); a checkpoint file, or
            the folder of a finished run; an ONNX file that ``dmssn export`` wrote. A trained
            one's may end in the sides cubes are prepared
            at, in pixels, in place of the one it was trained at (``dmssn:sizes=128+192``): its
            map is the mean of theirs. The default is the network that comes with the package.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``; classical detectors, and those in ONNX
            files, run on the CPU.

    Raises:
        SettingError: There is no such name, setting or device.
        ValueError: The file is damaged or not a detector.
        ModuleNotFoundError: What it runs in is not installed.
    """
    text = DEFAULT if name_or_file is None else os.fspath(name_or_file)
    if is_classical(text):
        check_device(device)
        return ClassicalDetector(text)
    name, path = find_checkpoint(text)
    return load_file(name, path, sizes_of(text), device=device)


def load_network(
    name_or_file: str | os.PathLike[str] = DEFAULT, *, device: str = "auto"
) -> "NetworkDetector":
    """Load a trained detector that runs in torch: as ``load_detector``, of those alone."""
    text = os.fspath(name_or_file)
    name, path = find_checkpoint(text)
    if is_onnx(path):
        raise SettingError(f"{text}: an ONNX file; give the checkpoint it was exported from")
    return _load_network(name, path, sizes_of(text), device)


def load_file(
    name: str, path: Path, sizes: Sequence[int] = (), *, device: str = "auto"
) -> TrainedDetector:
    """Load a trained detector of a checkpoint or ONNX file under a name of its own.

    Raises:
        SettingError: There is no such device.
        ValueError: The file is damaged or not a detector.
        ModuleNotFoundError: What it runs in is not installed.
    """
    if is_onnx(path):
        return onnx.load(name, path, device, sizes)
    return _load_network(name, path, sizes, device)


def _load_network(name: str, path: Path, sizes: Sequence[int], device: str) -> "NetworkDetector":
    if installed_torch() is None:
        raise ModuleNotFoundError(
            f"{name}: its network runs in torch, which is not installed; install it, or use an "
            "ONNX file, which `dmssn export --onnx` writes"
        )
    from dmssn.trained.network import load

    return load(name, path, choose_device(device), sizes)


def header_of(text: str) -> Header:
    """The header of a trained detector, without its numbers.

    Raises:
        SettingError: There is no such detector.
        ValueError: Its file is damaged.
    """
    path = find_checkpoint(text)[1]
    if is_onnx(path):
        return onnx.read_header(path)
    return checkpoint_header.read_header(path, "detector")


def is_onnx(path: Path) -> bool:
    """Whether a trained detector's file is one that runs without torch."""
    return path.suffix.lower() == onnx.SUFFIX


def detector_names() -> list[str]:
    """Names of the detectors that come with the package."""
    return [*SHIPPED, *CLASSICAL]


def is_classical(text: str) -> bool:
    """Whether a text names a classical detector; a file or run of that name goes before it."""
    return text.partition(":")[0] in CLASSICAL and not _is_file(split_settings(text)[0])


def split_settings(text: str) -> tuple[str, list[str]]:
    """A trained detector's name, file or run folder, and the settings behind it.

    Only an ending after a colon is settings, and a file or run of the very name has none.
    """
    return detector_settings.split(text, lambda base: base in SHIPPED or _is_file(base))


def sizes_of(text: str) -> tuple[int, ...]:
    """Sides that a trained detector's text asks for, in pixels; none for its checkpoint's own.

    Raises:
        SettingError: It has no such setting, or the value cannot be.
    """
    return detector_settings.read_sizes(*split_settings(text))


def absolute(text: str) -> str:
    """A detector's text that means the same in any folder."""
    base, settings = split_settings(text)
    return ":".join([str(Path(base).absolute()), *settings]) if _is_file(base) else text


def _is_file(text: str) -> bool:
    """Whether a text without settings is a file, or the folder of a finished run."""
    path = Path(text)
    return path.is_file() or (path / BEST).is_file()


def identity(text: str) -> str:
    """What changes when a detector does: its file and sizes; or its settings and the program.

    Raises:
        SettingError: There is no such detector, or it has no such setting.
    """
    if is_classical(text):
        method, settings = classical(text)
        return f"{method.name} {settings} of dmssn {__version__}"
    file = fingerprint(find_checkpoint(text)[1])
    return detector_settings.with_sizes(file, sizes_of(text))


def find_checkpoint(text: str) -> tuple[str, Path]:
    """Name and checkpoint file of a name, a file or a run folder; a file of a name's name wins.

    Settings may follow, and the name in outputs shows them (``mine:sizes=320``).

    Raises:
        SettingError: There is no such name or file, or it has no such setting.
    """
    base, settings = split_settings(text)
    name, path = _find(base)
    return detector_settings.with_sizes(name, detector_settings.read_sizes(base, settings)), path


def _find(text: str) -> tuple[str, Path]:
    """As ``find_checkpoint``, of a text without settings."""
    path = Path(text)
    if path.is_dir() and (path / BEST).is_file():
        return path.resolve().name, path / BEST
    if path.is_file():
        return path.stem, path
    if text in SHIPPED:
        return text, Path(str(files("dmssn") / "weights" / SHIPPED[text]))
    if text in CLASSICAL:
        raise SettingError(
            f"{text}: a classical detector, which has no weights; name a trained one"
        )
    if path.is_dir():
        raise SettingError(f"{path}: no folder of a finished run, it holds no {BEST}")
    near = get_close_matches(text, detector_names(), n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise SettingError(
        f"no detector {text!r}: neither a name ({', '.join(detector_names())}) nor a checkpoint "
        f"file or run folder{hint}"
    )
