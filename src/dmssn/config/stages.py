"""Settings of the two stages of training."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from dmssn.config.checks import SettingError, at_least, within


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """Random changes of training scenes; the defaults are the published ones.

    A scene is warped (``flips`` to ``enlarge``), then a view of it is taken (``turns`` to
    ``tone``).
    """

    flips: bool = True
    """Left-right and up-down, each with probability 0.5."""
    rotation: float = 180.0
    """Largest turn, in degrees, either way."""
    shrink: float = 0.5
    """Smallest scale of an axis; applied with probability 0.5, 1 is never."""
    enlarge: float = 1.5
    """Largest scale of an axis; applied with probability 0.5, 1 is never."""
    turns: bool = False
    """Turned by 0, 90, 180 or 270 degrees and mirrored or not, eight ways (published: no)."""
    window: float = 1.0
    """Smallest part of the bands that is taken; of half of all also fewer bands, down to 3. 1 takes
    all (published)."""
    tone: float = 1.0
    """Largest exponent that spectra in [0, 1] are raised to, and one over it the smallest: what is
    dark comes nearer to what is bright, or less so; 1 is never (published)."""

    def __post_init__(self) -> None:
        """Refuse impossible values."""
        within("window", self.window, 0.05, 1)
        within("tone", self.tone, 1, 10)
        within("rotation", self.rotation, 0, 180)
        within("shrink", self.shrink, 0.1, 1)
        within("enlarge", self.enlarge, 1, 10)


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
            at_least(name, getattr(self, name), 1)
        for name in ("learning_rate", "weight_decay", "clip"):
            at_least(name, getattr(self, name), 0)
        for name in ("workers", "patience", "checkpoint_steps"):
            at_least(name, getattr(self, name), 0)
        within("seed", self.seed, 0, 2**63 - 1)
        within("momentum", self.momentum, 0, 0.9999)
        within("warmup", self.warmup, 0, 1)
        within("step_factor", self.step_factor, 0, 1)
        within("ema", self.ema, 0, 0.99999)


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
        for name in ("segment", "coarse", "reconstruct", "distill", "l1"):
            at_least(name, getattr(self, name), 0)
        if not (self.segment or self.reconstruct or self.distill or self.l1):
            raise SettingError("segment must be above 0, or another weight of a loss; all are 0")
        for name in ("dropout", "attention_dropout", "drop_path"):
            within(name, getattr(self, name), 0, 0.99)
