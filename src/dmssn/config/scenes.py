"""Settings from cubes to prepared scenes: which there are, how they are made, how homogenized."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from dmssn.config.checks import at_least, within

Orientation = Literal[
    "none",
    "flip-left-right",
    "flip-top-bottom",
    "rotate-180",
    "transpose",
    "rotate-90",
    "rotate-270",
    "transverse",
]
"""How a stored cube is turned to be upright; Pillow's names, turning counterclockwise."""


OrientationChoice = Literal["auto", Orientation]
"""``auto`` compares cubes with their colour pictures."""


@dataclass(frozen=True, kw_only=True)
class MixtureConfig:
    """The Gaussian mixture that models the materials of a scene."""

    components: int = 50
    """Materials; the published number."""
    iterations: int = 5
    """EM steps; the published number."""
    mode: Literal["fast", "exact"] = "fast"
    """``exact``: full covariances in all bands. ``fast``: full ones among the leading principal
    components, diagonal in the others, fitted on a sample."""
    seed: int = 21
    """Of the start; the published one."""

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        at_least("components", self.components, 1)
        at_least("iterations", self.iterations, 1)
        at_least("seed", self.seed, 0)


@dataclass(frozen=True, kw_only=True)
class PrepareConfig:
    """How a cube becomes a region map and region spectra."""

    size: int = 256
    """Side of the square the scene is squeezed to, in pixels (published: 512)."""
    bands: int = 0
    """Bands every cube is resampled to along its band order, for weights that take any camera;
    0 keeps the cubes' own, which must then agree."""
    statistics: Literal["self", "data set"] = "self"
    """Whose mean and standard deviation standardize the bands: the cube's own, or those of the
    training scenes (one camera and light, as published)."""
    homogenize: Literal["region", "component", "none"] = "region"
    """Which pixels share one spectrum: those of a connected region, those of a component wherever
    they are, or none (each pixel is a region of its own: many times slower)."""
    mixture: MixtureConfig = field(default_factory=MixtureConfig)

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        at_least("size", self.size, 32)
        if self.bands != 0:
            at_least("bands", self.bands, 3)


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Where the scenes are; relative paths start at the working folder."""

    scenes: Path
    """Folder of the data set."""
    prepared: Path
    """Folder ``dmssn prepare`` writes and training reads."""
    set: str = "folder"
    """Which data set it is; ``dmssn dataset list`` names them."""
    split: str = ""
    """A published split by its name, ``seeded``, ``folders``, or a file or folder of lists; empty
    for the set's default."""
    fold: str = ""
    """``k/n``: cross-validation, the k-th of n parts is the test split."""
    val: float = 0.1
    """Share of the training scenes taken for validation where no list names them."""
    seed: int = 0
    """Of what is left to chance in the split."""
    orientation: OrientationChoice = "auto"
    """How stored cubes are turned; ``auto`` compares them with their colour pictures."""

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        within("val", self.val, 0, 0.9)
        at_least("seed", self.seed, 0)


SCENE_SIDES = (16, 4096)
"""Fewest and most rows, and columns, of a generated scene."""
SCENE_BANDS = (3, 600)
"""Fewest and most bands of a generated scene."""
MOST_SCENE_SEED = 2**32 - 1
"""Greatest seed of a folder of generated scenes."""


@dataclass(frozen=True, kw_only=True)
class GenerateConfig:
    """Scenes that are made up, by ``dmssn scenes``, into ``data.scenes``."""

    count: int = 0
    """Scenes; 0: the scenes are there already."""
    size: int = 256
    """Side of a scene, in pixels."""
    least_size: int = 0
    """Height and width of each scene are its own, from this to ``size``; 0: all are ``size``."""
    aerial: float = 0.0
    """Share of the scenes that are seen from the air, beside those that chance makes so (a third);
    their targets are small."""
    glare: float = 0.0
    """Largest share of the light that strays in the camera, in half of the scenes; 0: in none."""
    bands: int = 0
    """Bands of every scene; 0 gives each its own number, 20 to 600."""
    seed: int = 0
    """Another one, below 2**32, gives other scenes."""
    cubes: Literal["seeds", "files"] = "seeds"
    """``seeds``: a cube is drawn anew whenever it is read, and takes no room. ``files``: cubes are
    written, about 20 MB each at 256 x 256."""

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        at_least("count", self.count, 0)
        within("seed", self.seed, 0, MOST_SCENE_SEED)
        within("size", self.size, *SCENE_SIDES)
        if self.least_size != 0:
            within("least_size", self.least_size, SCENE_SIDES[0], self.size)
        within("aerial", self.aerial, 0, 1)
        within("glare", self.glare, 0, 0.5)
        if self.bands != 0:
            within("bands", self.bands, *SCENE_BANDS)
