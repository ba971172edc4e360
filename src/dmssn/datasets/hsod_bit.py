"""HSOD-BIT and HSOD-BIT-V2: 319 and 500 scenes of 1240 x 1680 pixels and 200 bands.

Sizes and bands: H. Qin, T. Xu, P. Liu, J. Xu, J. Li, "DMSSN", IEEE TGRS 62, 2024, and Y. Qiu et
al., "HSOD-BIT-V2", AAAI 2025. The type of the stored numbers, the orientation of the cubes and the
split of V2 (406 / 94) are not documented.
"""

from dmssn.datasets.data_set import DataSet

WAVELENGTHS = (401.5, 998.5, 200)
SOURCE = "the range and step its authors state (400 to 1000 nm, 3 nm)"
CUBE_FOLDERS = ("hyperspectral", "hypercube", "hsi", "cubes")

HSOD_BIT = DataSet(
    name="hsod-bit",
    title="HSOD-BIT",
    cube_folders=CUBE_FOLDERS,
    scenes=319,
    bands=200,
    shape=(1240, 1680),
    keys=("hypercube", "dataset"),  # of the first release, and of the one of now
    wavelengths_nm=WAVELENGTHS,
    wavelengths_source=SOURCE,
    splits={"dmssn": "255 / 64 scenes, as DMSSN and SMN"},
)
HSOD_BIT_V2 = DataSet(
    name="hsod-bit-v2",
    title="HSOD-BIT-V2",
    cube_folders=CUBE_FOLDERS,
    scenes=500,
    bands=200,
    shape=(1240, 1680),
    keys=("dataset", "hypercube"),
    wavelengths_nm=WAVELENGTHS,
    wavelengths_source=SOURCE,
    sizes=(406, 94),
)
