"""What axes that have names are called.

Letters: H rows, W columns, B bands.
"""

from collections.abc import Sequence

from dmssn.cube.wavelengths import is_name

AXES = {
    "H": (
        *("row", "rows", "y", "line", "lines", "height", "lat", "latitude", "northing"),
        "downtrack",
    ),
    "W": (
        *("column", "columns", "col", "cols", "x", "sample", "samples", "width"),
        *("lon", "longitude", "easting", "crosstrack"),
    ),
    "B": ("band", "bands", "channel", "channels"),
}
"""What axes are called that have a name; an axis called like wavelengths holds bands, too."""


def axis_letters(names: Sequence[str | None]) -> str | None:
    """The letters of three axes, in their order; None unless they are rows, columns and bands.

    Example:
        >>> axis_letters(["y", "x", "wavelength"]), axis_letters(["Bands", "lines", "samples"])
        ('HWB', 'BHW')
        >>> axis_letters(["y", "x", "time"]), axis_letters(["time", "band", "y", "x"])
        (None, None)
    """
    letters = "".join(_letter(name or "") for name in names)
    return letters if len(names) == 3 and sorted(letters) == sorted("HWB") else None


def _letter(name: str) -> str:
    found = next((letter for letter, known in AXES.items() if name.lower() in known), "")
    return found or ("B" if is_name(name) else "")
