"""The classical detectors by name, and how a name with settings is read."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

from dmssn.baselines.answer import Answer
from dmssn.baselines.border import border, check_border
from dmssn.baselines.frequency_tuned import frequency_tuned
from dmssn.baselines.itti import itti
from dmssn.baselines.local_rx import check_windows, local_rx
from dmssn.baselines.reed_xiaoli import rx
from dmssn.baselines.spectral_contrast import sad, sed, sed_sad, sed_sg, sg
from dmssn.config import SettingError

LIANG = "Liang et al., ICIP 2013"


@dataclass(frozen=True, eq=False)
class Classical:
    """A detector without training.

    Attributes:
        name: What it is asked for by.
        title: What it looks for, in a few words.
        source: Where it was published.
        function: From a cube, and its settings by keyword, to its answer.
        check: Raises a SettingError for settings that cannot be; None where there are none.
    """

    name: str
    title: str
    source: str
    function: Callable[..., Answer]
    check: Callable[..., None] | None = None

    @property
    def settings(self) -> dict[str, int | float]:
        """Settings and their defaults: the function's keyword-only parameters."""
        parameters = inspect.signature(self.function).parameters.values()
        return {
            parameter.name: parameter.default
            for parameter in parameters
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        }


CLASSICAL: dict[str, Classical] = {
    method.name: method
    for method in (
        Classical(
            "itti",
            "intensity, colour and orientation of the rendered picture against the surroundings",
            "Itti et al., TPAMI 1998",
            itti,
        ),
        Classical("sed", "distance of spectra to the surroundings", LIANG, sed),
        Classical("sad", "angle of spectra to the surroundings", LIANG, sad),
        Classical("sg", "opponency of four groups of bands against the surroundings", LIANG, sg),
        Classical("sed-sad", "distance and angle of spectra to the surroundings", LIANG, sed_sad),
        Classical("sed-sg", "distance and group opponency against the surroundings", LIANG, sed_sg),
        Classical(
            "rx",
            "spectra that are rare in the scene",
            "Reed and Yu, IEEE Trans. ASSP 1990",
            rx,
        ),
        Classical(
            "local-rx",
            "spectra that are rare among those around them",
            "Reed and Yu 1990; Kwon et al., Opt. Eng. 2003",
            local_rx,
            check_windows,
        ),
        Classical(
            "border",
            "spectra unlike those along the picture's sides",
            "Wei et al., ECCV 2012; Li et al., ICCV 2013",
            border,
            check_border,
        ),
        Classical(
            "frequency-tuned",
            "colours far from the rendered picture's mean colour",
            "Achanta et al., CVPR 2009",
            frequency_tuned,
        ),
    )
}


def classical(text: str) -> tuple[Classical, dict[str, int | float]]:
    """The detector and all its settings that a text such as ``NAME`` or ``NAME:key=value`` means.

    Raises:
        SettingError: There is no such detector or setting, or the value cannot be.

    Example:
        >>> method, settings = classical("local-rx:inner=5:outer=15")
        >>> method.name, settings
        ('local-rx', {'inner': 5, 'outer': 15, 'components': 10})
    """
    name, *given = text.split(":")
    if name not in CLASSICAL:
        raise SettingError(f"there is no detector {name!r}{_meant(name, list(CLASSICAL))}")
    method = CLASSICAL[name]
    settings = dict(method.settings)
    seen: set[str] = set()
    for part in given:
        key, value = _pair(name, part, settings)
        if key in seen:
            raise SettingError(f"{name}: {key} is given twice in {text!r}")
        seen.add(key)
        settings[key] = value
    if method.check is not None:
        method.check(**settings)
    return method, settings


def _pair(name: str, part: str, defaults: dict[str, int | float]) -> tuple[str, int | float]:
    """One ``key=value`` as the key and a number of its default's type."""
    key, equals, value = part.partition("=")
    if not defaults:
        raise SettingError(f"{name} has no settings, got {part!r}")
    if key not in defaults:
        raise SettingError(f"{name} has no setting {key!r}{_meant(key, list(defaults))}")
    kind = type(defaults[key])
    try:
        return key, kind(value)
    except ValueError:
        wanted = "a whole number" if kind is int else "a number"
        got = repr(value) if equals else "none"
        raise SettingError(f"{name}: {key} must be {wanted}, got {got}") from None


def _meant(text: str, known: list[str]) -> str:
    near = get_close_matches(text, known, n=2)
    if near:
        return f"; did you mean {' or '.join(near)}?"
    return f"; there are {', '.join(known)}"
