"""HS-SOD: 60 scenes of 768 x 1024 pixels and 81 bands, 12-bit.

N. Imamoglu et al., "Hyperspectral image dataset for benchmarking on salient object detection",
QoMEX 2018. Two different splits of 48 / 12 are in use; they share one test scene.
"""

from dmssn.datasets.data_set import DataSet

HS_SOD = DataSet(
    name="hs-sod",
    title="HS-SOD",
    cube_folders=("hyperspectral", "hypercube", "hsi", "cubes"),
    cube_suffixes=(".mat", ".h5", ".hdf5"),
    scenes=60,
    bands=81,
    shape=(768, 1024),
    keys=("hypercube",),
    divisor=4095,
    most=4095,
    wavelengths_nm=(380.0, 780.0, 81),
    wavelengths_source="its authors' range, 380 to 780 nm in steps of 5 nm, as fits 81 bands",
    orientation="none",  # MATLAB's order of axes is all there is to it
    splits={"dmssn": "48 / 12 scenes, as DMSSN", "smn": "48 / 12 scenes, as SMN"},
)
