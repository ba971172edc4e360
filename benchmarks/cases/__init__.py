"""The cases, in the order of the table."""

from benchmarks.case import Case
from benchmarks.cases import (
    converting,
    gpu,
    homogenizing,
    judging,
    machine,
    networks,
    pictures,
    predicting,
    preparing,
    processes,
    quality,
    scaling,
    training,
)

CASES: tuple[Case, ...] = (
    *machine.CASES,
    *homogenizing.CASES,
    *quality.CASES,
    *networks.CASES,
    *training.CASES,
    *processes.CASES,
    *pictures.CASES,
    *predicting.CASES,
    *preparing.CASES,
    *converting.CASES,
    *judging.CASES,
    *scaling.CASES,
    *gpu.CASES,
)
