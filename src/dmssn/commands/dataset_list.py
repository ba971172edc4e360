"""``dmssn dataset list``: which data sets are known, and what of them.

Examples:
    dmssn dataset list
    dmssn dataset list --json
"""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    from dmssn.datasets.data_set import DataSet


def main(*, as_json: Annotated[bool, Parameter(name="--json", negative="")] = False) -> None:
    """Say which data sets are known, and what of them.

    None comes with this program, nor does it download any: get a copy from the authors of a set,
    under their terms, and give its folder.

    Args:
        as_json: Print one JSON array.
    """
    from dmssn.datasets.catalogue import DATA_SETS

    tables = [describe(kind) for kind in DATA_SETS.values()]
    if as_json:
        print(json.dumps(tables, indent=1))
        return
    for table in tables:
        print(f"{table['name']}: {table['title']}")
        for label, said in _facts(table):
            print(f"  {label:<13}{said}")
    print("None comes with this program: get a copy from its authors, then `dmssn dataset check`.")


def describe(kind: "DataSet") -> dict[str, Any]:
    """What is known of a set, as plain values."""
    return {
        "name": kind.name,
        "title": kind.title,
        "scenes": kind.scenes,
        "bands": kind.bands,
        "shape": list(kind.shape) if kind.shape else None,
        "divisor": kind.divisor,
        "wavelengths_nm": kind.centres_nm,
        "wavelengths_source": kind.wavelengths_source or None,
        "splits": dict(kind.splits),
        "default_split": next(iter(kind.splits), None),
        "sizes": list(kind.sizes) if kind.sizes else None,
        "orientation": kind.orientation,
        "folders": {
            "cubes": list(kind.cube_folders),
            "masks": list(kind.mask_folders),
            "colour": list(kind.colour_folders),
        },
        "parted_by": list(kind.subfolders),
        "cube_suffixes": list(kind.cube_suffixes),
    }


def _facts(table: dict[str, Any]) -> Iterator[tuple[str, str]]:
    bands = f"{table['bands']} bands" if table["bands"] else "any number of bands"
    size = f", up to {table['shape'][0]} x {table['shape'][1]} pixels" if table["shape"] else ""
    count = f"{table['scenes']} of " if table["scenes"] else ""
    yield "cubes", f"{count}{bands}{size}"
    centres = table["wavelengths_nm"]
    if centres:
        source = table["wavelengths_source"]
        yield "wavelengths", f"{centres[0]:g} to {centres[-1]:g} nm: {source}; or those of the file"
    else:
        yield "wavelengths", "those of the file"
    yield "splits", _splits(table)
    documented = table["orientation"]
    known = f"{documented}, as documented or by the format" if documented else "not documented"
    yield "orientation", f"{known}; compared with colour pictures where there are any"
    for what, names in table["folders"].items():
        yield f"{what} in", " or ".join(f"{name}/" for name in names)
    if table["parted_by"]:
        names = ", ".join(f"{name}/" for name in table["parted_by"])
        yield "parted by", f"{names} above or below these, or not at all"


def _splits(table: dict[str, Any]) -> str:
    if table["splits"]:
        first, *others = (f"{name} ({what})" for name, what in table["splits"].items())
        return "; ".join([f"{first}, the default", *others])
    folders = "as parted by folders, or " if table["parted_by"] else ""
    sizes = f", {' / '.join(map(str, table['sizes']))} scenes" if table["sizes"] else ""
    return f"lists in splits/; without them {folders}by chance and a seed{sizes}"
