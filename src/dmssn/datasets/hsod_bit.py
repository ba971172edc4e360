"""HSOD-BIT and HSOD-BIT-V2: 319 and 500 scenes of 1240 x 1680 pixels and 200 bands.

Sizes and bands: H. Qin, T. Xu, P. Liu, J. Xu, J. Li, "DMSSN", IEEE TGRS 62, 2024, and Y. Qiu et
al., "HSOD-BIT-V2", AAAI 2025. The type of the stored numbers, the orientation of the cubes and the
split of V2 (406 / 94) are not documented.
"""

from dataclasses import replace

from dmssn.datasets.data_set import DataSet

HSOD_BIT = DataSet(
    name="hsod-bit",
    title="HSOD-BIT",
    cube_folders=("hyperspectral", "hypercube", "hsi", "cubes"),
    scenes=319,
    bands=200,
    shape=(1240, 1680),
    keys=("hypercube", "dataset"),  # of the first release, and of the one of now
    wavelengths_nm=(401.5, 998.5, 200),
    wavelengths_source="the range and step its authors state (400 to 1000 nm, 3 nm)",
    splits={"dmssn": "255 / 64 scenes, as DMSSN and SMN"},
)
HSOD_BIT_V2 = replace(
    HSOD_BIT,
    name="hsod-bit-v2",
    title="HSOD-BIT-V2",
    scenes=500,
    keys=("dataset", "hypercube"),
    splits={},
    sizes=(406, 94),
)
