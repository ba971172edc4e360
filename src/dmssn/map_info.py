"""The georeference as ENVI's headers tell it: ``map info`` and ``coordinate system string``.

``map info`` is a name, a place in the picture (column, row, from (1, 1) at the outer corner of the
upper left pixel), the coordinates there, the sizes of a pixel, then, by the name, zone, hemisphere,
datum, units and rotation. Sizes are along the axes of the map, as GDAL takes them: where pixels
are not square, that matters in a turned picture.
"""

import math
import re
from collections.abc import Sequence

from dmssn.cube import Georeference

NUMBERS = 6
"""Fields of numbers behind the name."""
ZONES = {"wgs84": (32600, 32700), "northamerica1983": (26900, None), "nad83": (26900, None)}
"""Datum to the EPSG codes of its UTM zones, less the zone: north and south."""
GEOGRAPHIC = {"wgs84": 4326, "northamerica1983": 4269, "nad83": 4269}
"""Datum to the EPSG code of its longitudes and latitudes."""
NAMES = {"WGS84": "WGS-84", "NAD83": "North America 1983"}
"""Datums as WKT names them and as ENVI does."""
UNITS = {"utm": ("meters", "metres", "m"), "geographic": ("degrees", "deg")}
"""What coordinates of these codes are in; of another unit they are of no code."""
SQUARE = 1e-6
"""How far from a right angle, as a share, rows and columns may be: beyond, ``map info`` cannot say
it."""


def read_map_info(fields: Sequence[str], system: str | None) -> Georeference:
    """The georeference of a header.

    Args:
        fields: Of ``map info``.
        system: The ``coordinate system string``, ESRI's WKT; None without one.

    Raises:
        ValueError: The fields are no ``map info``, in words that tell what is wrong.

    Example:
        >>> fields = "UTM, 1, 1, 500000, 4100000, 2, 2, 11, North, WGS-84, units=Meters"
        >>> found = read_map_info(fields.split(", "), None)
        >>> found.transform, found.crs
        ((2.0, 0.0, 500000.0, 0.0, -2.0, 4100000.0), 'EPSG:32611')
    """
    if len(fields) <= NUMBERS:
        raise ValueError(f"map info must have a name and {NUMBERS} numbers, got {len(fields)}")
    name, rest = fields[0], fields[1 + NUMBERS :]
    named = {key.strip().lower(): value for key, _, value in (one.partition("=") for one in rest)}
    try:
        column, row, x, y, width, height = map(float, fields[1 : 1 + NUMBERS])
        rotation = math.radians(float(named.get("rotation", "0")))
    except ValueError as error:
        raise ValueError(f"map info must hold numbers behind its name: {error}") from None
    values = (column, row, x, y, width, height, rotation)
    if not all(map(math.isfinite, values)) or width == 0 or height == 0:
        raise ValueError("map info must hold finite numbers, and sizes of a pixel other than 0")
    cos, sin = (_clean(part) for part in (math.cos(rotation), math.sin(rotation)))
    linear = (width * cos, width * sin, height * sin, -height * cos)
    a, b, d, e = (number + 0.0 for number in linear)  # no -0.0
    corner = Georeference((a, b, 0.0, d, e, 0.0)).point(column - 1, row - 1)
    transform = (a, b, x - corner[0], d, e, y - corner[1])
    kept = tuple(field for field in rest if not field.strip().lower().startswith("rotation"))
    system = system or _system(name, rest, named.get("units"))
    return Georeference(transform, system, (name, *kept))


def _clean(part: float) -> float:
    """A sine or cosine; those of right angles without their rounding."""
    return float(round(part)) if abs(part - round(part)) < 1e-15 else part


def _system(name: str, rest: Sequence[str], unit: str | None) -> str | None:
    """The code of the system that the fields behind the numbers name; None for an unusual one."""
    kind = "utm" if name.lower() == "utm" else "geographic"
    if unit is not None and unit.strip().lower() not in UNITS[kind]:
        return None
    plain = [re.sub(r"[^a-z0-9]", "", field.lower()) for field in rest]
    if kind == "utm" and len(plain) > 2 and plain[0].isdigit():
        north, south = ZONES.get(plain[2], (None, None))
        first = {"north": north, "south": south}.get(plain[1])
        return f"EPSG:{first + int(plain[0])}" if first and 1 <= int(plain[0]) <= 60 else None
    if name.lower().startswith("geographic") and plain and plain[0] in GEOGRAPHIC:
        return f"EPSG:{GEOGRAPHIC[plain[0]]}"
    return None


def map_info_lines(found: Georeference) -> list[str]:
    """Lines of a header that say the same, as far as ENVI can say it; none if it cannot."""
    a, b, c, d, e, f = found.transform
    width, height = math.hypot(a, b), math.hypot(d, e)
    upright = a * e - b * d < 0 and abs(a * d + b * e) <= SQUARE * width * height
    if not upright:  # a mirrored picture, or a slanted one
        return []
    name, *rest = found.projection or _named(found.crs)
    rotation = math.degrees(math.atan2(b, a))
    turn = [f"rotation={rotation!r}"] if rotation else []
    numbers = map(repr, map(float, (1, 1, c, f, width, height)))
    lines = [f"map info = {{{', '.join([name, *numbers, *rest, *turn])}}}"]
    if found.crs is not None and "[" in found.crs:
        lines.append(f"coordinate system string = {{{found.crs}}}")
    return lines


def _named(crs: str | None) -> tuple[str, ...]:
    """Name and last fields of ``map info`` for a system in WKT, or as a code."""
    said = crs or ""
    datum = next((ours for wkt, ours in NAMES.items() if wkt in re.sub(r"[ _]|19", "", said)), None)
    if code := re.fullmatch(r"EPSG:(\d+)", said):
        return _named_by_code(int(code[1]))
    if datum and (zone := re.search(r"UTM[ _]zone[ _](\d+)([NS])", said, re.IGNORECASE)):
        half = "North" if zone[2].upper() == "N" else "South"
        return "UTM", zone[1], half, datum, "units=Meters"
    if datum and said.startswith(("GEOGCS", "GEOGCRS")):
        return "Geographic Lat/Lon", datum, "units=Degrees"
    return ("Arbitrary",)


def _named_by_code(code: int) -> tuple[str, ...]:
    for datum, key in (("WGS-84", "wgs84"), ("North America 1983", "nad83")):
        if code == GEOGRAPHIC[key]:
            return "Geographic Lat/Lon", datum, "units=Degrees"
        for half, first in zip(("North", "South"), ZONES[key], strict=True):
            if first and 1 <= code - first <= 60:
                return "UTM", str(code - first), half, datum, "units=Meters"
    return ("Arbitrary",)
