"""Settings: frozen dataclasses, each field with its meaning and unit; ``recipes`` reads them."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

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


class SettingError(ValueError):
    """A setting that cannot be: the command line or a recipe has to change (exit code 2)."""


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
        _at_least("components", self.components, 1)
        _at_least("iterations", self.iterations, 1)
        _at_least("seed", self.seed, 0)


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
        _at_least("size", self.size, 32)
        if self.bands != 0:
            _at_least("bands", self.bands, 3)


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
        _from("val", self.val, 0, 0.9)
        _at_least("seed", self.seed, 0)


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """Random changes of training scenes; the defaults are the published ones.

    A scene is warped (``flips`` to ``enlarge``), then a view of it is taken (``crop`` to
    ``window``).
    """

    crop: float = 1.0
    """Smallest part of a picture's side that is taken, anywhere in it; 1 takes all (published)."""
    side: int = 0
    """Pixels a side of what is taken; 0: as many as the prepared scenes have (published)."""
    late_side: int = 0
    """Likewise in the last tenth of the epochs, for a network that will run on larger maps than it
    can be trained on all the time; 0: ``side`` to the end."""
    turns: bool = False
    """Turned by 0, 90, 180 or 270 degrees and mirrored or not, eight ways (published: no)."""
    window: float = 1.0
    """Smallest part of the bands that is taken; of half of all also fewer bands, down to 3. 1 takes
    all (published)."""

    flips: bool = True
    """Left-right and up-down, each with probability 0.5."""
    rotation: float = 180.0
    """Largest turn, in degrees, either way."""
    shrink: float = 0.5
    """Smallest scale of an axis; applied with probability 0.5, 1 is never."""
    enlarge: float = 1.5
    """Largest scale of an axis; applied with probability 0.5, 1 is never."""

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        _from("crop", self.crop, 0.1, 1)
        for name in ("side", "late_side"):
            if getattr(self, name) != 0:
                _at_least(name, getattr(self, name), 32)
        _from("window", self.window, 0.05, 1)
        _from("rotation", self.rotation, 0, 180)
        _from("shrink", self.shrink, 0.1, 1)
        _from("enlarge", self.enlarge, 1, 10)


@dataclass(frozen=True, kw_only=True)
class FitConfig:
    """How a stage is trained."""

    epochs: int = 100
    """Passes over the training scenes."""
    batch: int = 6
    """Scenes in one step, over all processes: how many processes there are changes nothing."""
    accumulate: int = 1
    """Parts in which each process works through its scenes of a step, one after another: less
    memory, the same gradient."""
    optimizer: Literal["adamw", "sgd"] = "adamw"
    """``sgd`` is that with Nesterov's momentum."""
    learning_rate: float = 1e-3
    """At its height."""
    weight_decay: float = 1e-2
    """On weights but not on biases and norms."""
    momentum: float = 0.9
    """Of ``sgd``."""
    schedule: Literal["cosine", "step", "constant"] = "cosine"
    """``cosine``: warm-up, then down to zero. ``step``: times ``step_factor`` every
    ``step_epochs``."""
    warmup: float = 0.05
    """Share of all steps in which the cosine schedule rises."""
    step_epochs: int = 10
    step_factor: float = 0.6
    clip: float = 1.0
    """Largest norm of the gradient; 0 does not clip."""
    ema: float = 0.0
    """Decay a step of the averaged weights that are validated and saved; 0 averages nothing."""
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    """Of the networks' arithmetic; losses and weights stay float32. The loss is scaled for
    ``float16``, whose gradients would vanish."""
    validate_every: int = 1
    """Epochs between validations."""
    patience: int = 0
    """Validations without a better score after which training ends early; 0 never does."""
    checkpoint_steps: int = 0
    """Steps between resume points within an epoch; 0 has one at the end of each epoch only."""
    workers: int = 0
    """Processes that load scenes, for each that trains; 0 loads in the training process."""
    seed: int = 0
    """Of weights, order, augmentation and dropout."""
    deterministic: bool = False
    """On a GPU take slower algorithms that give the same numbers each time, as a CPU does
    anyway; an error where there is none."""

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        for name in ("epochs", "batch", "accumulate", "step_epochs", "validate_every"):
            _at_least(name, getattr(self, name), 1)
        for name in ("learning_rate", "weight_decay", "clip"):
            _at_least(name, getattr(self, name), 0)
        for name in ("workers", "patience", "checkpoint_steps"):
            _at_least(name, getattr(self, name), 0)
        _from("seed", self.seed, 0, 2**63 - 1)
        _from("momentum", self.momentum, 0, 0.9999)
        _from("warmup", self.warmup, 0, 1)
        _from("step_factor", self.step_factor, 0, 1)
        _from("ema", self.ema, 0, 0.99999)


@dataclass(frozen=True, kw_only=True)
class TeacherConfig:
    """Stage 1: the teacher autoencoder."""

    spatial: bool = False
    """Connect the depthwise 3x3 that the published code leaves dead; needs dense cubes, so it
    trains many times slower."""
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    fit: FitConfig = field(default_factory=FitConfig)


@dataclass(frozen=True, kw_only=True)
class DetectorConfig:
    """Stage 2: the student and the transformer, trained together. Weights are of loss terms."""

    teacher: Path | None = None
    """Run folder or checkpoint of the teacher; needed unless ``distill`` is 0."""
    segment: float = 1.0
    """Of binary cross-entropy, 1 - SSIM and 1 - IoU."""
    edge: float = 0.0
    """How much more pixels at the edges of objects count in the cross-entropy (published: 0)."""
    coarse: float = 0.5
    """Of the cross-entropy of each stage of the transformer; for a head that has them
    (published: 0)."""
    reconstruct: float = 1.0
    """Of SmoothL1 and the spectral angle of the student's reconstruction."""
    distill: float = 1.0
    """Of the three levels at which the student imitates the teacher."""
    l1: float = 0.0
    """Of the sum of |weight|. Published: 1e-4 without a gradient; with one it is about 9.5 at the
    start and drowns the rest."""
    encoder: Literal["student", "pca", "bands"] = "student"
    """What makes the code of a spectrum. To compare with: ``pca``, the leading principal
    components of the training scenes; ``bands``, evenly spaced bands as they are. These two are
    not trained: nothing is reconstructed or distilled."""
    head_groups: Literal["both", "spatial", "spectral"] = "both"
    """Which of the transformer's two head groups there are."""
    spectral_attention: Literal["positions", "channels"] = "channels"
    """What the spectral head group weighs against each other (published: positions)."""
    head: Literal["sum", "detail"] = "detail"
    """What makes the map of the transformer's stages: their sum, as published, or a head that goes
    down to single pixels with the code beside it."""
    evidence: bool = True
    """Give the transformer, beside the code, what classical detectors measure of each region
    (published: no)."""
    dropout: float = 0.3
    attention_dropout: float = 0.3
    drop_path: float = 0.3
    compile: bool = False
    """Compile the transformer (``torch.compile``; a CPU needs a C++ compiler for it). The tables
    before it have another size in each step and are not compiled."""
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    fit: FitConfig = field(default_factory=FitConfig)

    @property
    def imitates(self) -> bool:
        """Whether there is a student that learns from a teacher."""
        return bool(self.distill) and self.encoder == "student"

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        for name in ("segment", "edge", "coarse", "reconstruct", "distill", "l1"):
            _at_least(name, getattr(self, name), 0)
        if not (self.segment or self.reconstruct or self.distill or self.l1):
            raise SettingError("segment must be above 0, or another weight of a loss; all are 0")
        for name in ("dropout", "attention_dropout", "drop_path"):
            _from(name, getattr(self, name), 0, 0.99)


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
    bands: int = 0
    """Bands of every scene; 0 gives each its own number, 20 to 600."""
    seed: int = 0
    """Another one, below 2**32, gives other scenes."""
    cubes: Literal["seeds", "files"] = "seeds"
    """``seeds``: a cube is drawn anew whenever it is read, and takes no room. ``files``: cubes are
    written, about 20 MB each at 256 x 256."""

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        _at_least("count", self.count, 0)
        _from("seed", self.seed, 0, MOST_SCENE_SEED)
        _from("size", self.size, *SCENE_SIDES)
        if self.least_size != 0:
            _from("least_size", self.least_size, SCENE_SIDES[0], self.size)
        if self.bands != 0:
            _from("bands", self.bands, *SCENE_BANDS)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All the settings from scenes to a trained detector."""

    data: DataConfig
    generate: GenerateConfig = field(default_factory=GenerateConfig)
    prepare: PrepareConfig = field(default_factory=PrepareConfig)
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    detector: DetectorConfig = field(default_factory=DetectorConfig)


def _at_least(name: str, value: float, least: float) -> None:
    if not least <= value < math.inf:
        raise SettingError(f"{name} must be at least {least}, got {value}")


def _from(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise SettingError(f"{name} must be from {low} to {high}, got {value}")
