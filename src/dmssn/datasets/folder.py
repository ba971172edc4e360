"""A folder of one's own: ``cubes/NAME.*``, ``masks/NAME.*``, ``color/NAME.*``, ``splits/``.

``dmssn scenes`` writes one. A cube is a file or a folder of one-band pictures.
"""

from dmssn.datasets.data_set import DataSet

FOLDER = DataSet(
    name="folder",
    title="a folder of scenes",
    cube_folders=("cubes",),
    mask_folders=("masks",),
    colour_folders=("color", "colour"),
    subfolders={},
    pictures=True,
    orientation="none",  # what the readers give has its first row on top
)
