"""What is installed here, on which machine, and whether the detector that comes with it works.

Nothing is asked of a network, and nothing is written.
"""

import importlib.metadata
import platform
import re
import time
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import numpy as np
import torch

from dmssn import __version__
from dmssn.cube import Cube
from dmssn.detector import DEFAULT, load_detector
from dmssn.files import room
from dmssn.workers import cores, free_memory

SIDE, BANDS = 96, 40
"""Of the scene that the test looks at, in pixels and bands."""
OBJECT = (slice(30, 60), slice(36, 70))
"""Rows and columns of what is salient in it."""
LEAST_AHEAD = 0.1
"""How much more salient than the background it has to come out; the shipped weights reach 0.97."""


def diagnose(folder: Path) -> dict[str, Any]:
    """Look at everything.

    Args:
        folder: Where results would go; its disk is looked at.

    Returns:
        Plain values: versions, machine, devices, extras, disk, self_test (one a device), and
        ``problems``, one line each, none where all is well.
    """
    required, extras = requirements()
    tests = [self_test(device) for device in ("cpu", "cuda") if _has(device)]
    problems = [
        f"{name} is not installed; pip install dmssn"
        for name, version in required.items()
        if version is None
    ]
    problems += [f"self-test on {test['device']}: {test['said']}" for test in tests if test["said"]]
    free = free_memory()
    return {
        "dmssn": __version__,
        "place": str(Path(__file__).parent),
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": required,
        "extras": extras,
        "cores": cores(),
        "threads": torch.get_num_threads(),
        "free_memory": int(free) if np.isfinite(free) else None,
        "gpus": _gpus(),
        "disk": {str(place): room(place)[1] for place in (folder, Path(gettempdir()))},
        "self_test": tests,
        "problems": problems,
    }


def requirements() -> tuple[dict[str, str | None], dict[str, dict[str, str | None]]]:
    """What the package asks for, by itself and by its extras: name to version, None if absent."""
    required: dict[str, str | None] = {}
    extras: dict[str, dict[str, str | None]] = {}
    try:
        told = importlib.metadata.requires("dmssn") or []
    except importlib.metadata.PackageNotFoundError:  # a copy that was not installed
        told = []
    for line in told:
        name = re.match(r"[\w.-]+", line)
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", line)
        if name is None or name[0] == "dmssn" or (extra and extra[1] == "dev"):
            continue
        group = extras.setdefault(extra[1], {}) if extra else required
        group[name[0]] = _version(name[0])
    return required, extras


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _has(device: str) -> bool:
    return device == "cpu" or torch.cuda.is_available()


def _gpus() -> list[dict[str, Any]]:
    if not torch.cuda.is_available():
        return []
    found = map(torch.cuda.get_device_properties, range(torch.cuda.device_count()))
    return [{"name": gpu.name, "memory": gpu.total_memory} for gpu in found]


def self_test(device: str) -> dict[str, Any]:
    """Have the detector that comes with the package find a square of another spectrum.

    Returns:
        ``device``, ``seconds``, how far the object came out ``ahead`` of the background, and
        ``said``: what is wrong, empty when nothing is.
    """
    began = time.monotonic()
    ahead, said = None, ""
    try:
        saliency = load_detector(DEFAULT, device=device)(test_scene())
        salient = np.zeros(saliency.shape, dtype=np.bool_)
        salient[OBJECT] = True
        ahead = float(saliency[salient].mean() - saliency[~salient].mean())
        if not ahead >= LEAST_AHEAD:
            said = (
                f"an object that is plain to see came out {ahead:.2f} ahead of the background, "
                f"expected at least {LEAST_AHEAD}; install the package anew"
            )
    except Exception as error:  # whatever it is, it is to be told and not to end the report
        said = f"{type(error).__name__}: {' '.join(str(error).split())}"
    seconds = round(time.monotonic() - began, 2)
    return {"device": device, "seconds": seconds, "ahead": ahead, "said": said}


def test_scene() -> Cube:
    """Smooth spectra with some noise, and an object of another spectrum."""
    generator = np.random.default_rng(0)
    nm = np.linspace(400, 1000, BANDS)
    data = 0.2 + 0.1 * np.sin(nm / 150) + 0.02 * generator.standard_normal((SIDE, SIDE, BANDS))
    data[OBJECT] += 0.3 * np.exp(-(((nm - 700) / 60) ** 2))
    return Cube(data.astype(np.float32), nm, "self-test")
