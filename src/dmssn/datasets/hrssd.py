"""HRSSD: satellite scenes of 32 bands in GeoTIFF, reflectance times 10000, labels with -1."""

from dmssn.datasets.data_set import DataSet

HRSSD = DataSet(
    name="hrssd",
    title="HRSSD",
    cube_folders=("image", "images"),
    mask_folders=("label", "labels"),  # its mask/ holds no -1, which marks what does not count
    subfolders={"tr": "train", "ts": "test", "train": "train", "val": "val", "test": "test"},
    cube_suffixes=(".tif", ".tiff"),
    bands=32,
    divisor=10000,
    orientation="none",  # GeoTIFF has its rows from the top
    ignores=True,
)
