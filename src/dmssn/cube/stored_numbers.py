"""What the numbers that a file or library holds stand for: no data, scale and offset."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

REAL_KINDS = "iuf"
"""Letters of ``numpy.dtype.kind`` that can hold a cube: integers and floats."""
HUGE = np.float32(1e38)
"""No measurement is this large: beyond it, numbers of one sign all mean "no data" if one does."""
NO_DATA = ("_fillvalue", "missing_value", "data_ignore_value")
"""Attributes, in lower case, that hold the number for "no data": of CF, and of NEON's files."""
SCALE, OFFSET = "scale_factor", "add_offset"
"""CF's names, exactly so: the ``Scale_Factor`` of NEON's files divides where CF's multiplies."""

Attributes = Mapping[str, Any]


def numbers(values: ArrayLike, what: str = "a cube") -> NDArray[np.float32]:
    """Integers or floats as float32; masked ones as NaN, those beyond float32 as infinite.

    Raises:
        ValueError: They are of another kind.
    """
    masked = np.ma.getmaskarray(values) if isinstance(values, np.ma.MaskedArray) else None
    found = np.ma.getdata(values) if masked is not None else np.asarray(values)
    if found.dtype.kind not in REAL_KINDS:
        raise ValueError(f"{what} holds integers or floats, got {found.dtype}")
    with np.errstate(over="ignore"):
        data: NDArray[np.float32] = np.ascontiguousarray(found, dtype=np.float32)
    return data if masked is None else np.where(masked, np.float32(np.nan), data)


class Scaling(NamedTuple):
    """CF's rule: value = stored * factor + offset."""

    factor: float = 1.0
    offset: float = 0.0


def ignore_value(attributes: Attributes) -> float | None:
    """The number that means "no data", if an attribute names one."""
    value = np.asarray(attribute(attributes, NO_DATA))
    return float(value.ravel()[0]) if value.size and value.dtype.kind in REAL_KINDS else None


def scaling(where: object, attributes: Attributes) -> Scaling:
    """How stored numbers become values by ``scale_factor`` and ``add_offset``.

    Args:
        where: Whose attributes they are, for messages.
        attributes: All of them.

    Raises:
        ValueError: One of them is no single finite number, or the factor is 0.
    """
    found = []
    for name, neutral in ((SCALE, 1.0), (OFFSET, 0.0)):
        value = np.asarray(attributes.get(name, neutral))
        one = value.size == 1 and value.dtype.kind in REAL_KINDS and np.isfinite(value).all()
        if not one or (name == SCALE and not value.any()):
            raise ValueError(
                f"{where}: the attribute {name} must be one finite number"
                f"{' other than 0' if name == SCALE else ''}, got {attributes[name]!r}"
            )
        found.append(float(value.ravel()[0]))
    return Scaling(*found)


def no_data(row: NDArray[np.float32], ignore: np.float32) -> NDArray[np.bool_]:
    """Where a row holds the number for "no data".

    Headers round the number next to the limit of float32 that many programs write.
    """
    if np.abs(ignore) < HUGE:
        return np.asarray(row == ignore)
    return np.asarray((np.abs(row) >= HUGE) & (np.sign(row) == np.sign(ignore)))


def attribute(attributes: Attributes, names: tuple[str, ...]) -> Any:  # noqa: ANN401
    """The attribute of the first of these names, whatever its case; None when there is none."""
    found = {name.lower(): name for name in attributes}
    wanted = next((name.lower() for name in names if name.lower() in found), None)
    return None if wanted is None else attributes[found[wanted]]
