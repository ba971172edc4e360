"""``dmssn view``: cubes, spectra and saliency maps in the browser.

Examples:
    dmssn view cube.hdr
    dmssn view cubes/ --masks masks/
    # the scenes and the detector of a training run, on a machine reached by ssh
    dmssn view runs/mine --no-browser --port 8123
"""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from dmssn.commands.cube_options import CubeOptions
from dmssn.config import SettingError

HIGHEST_PORT = 65535


def main(
    path: Path = Path(),
    /,
    *,
    detector: Annotated[list[str] | None, Parameter(negative="")] = None,
    masks: Annotated[list[Path] | None, Parameter(consume_multiple=True, negative="")] = None,
    mask_key: str | None = None,
    maps: Annotated[list[Path] | None, Parameter(consume_multiple=True, negative="")] = None,
    port: int = 0,
    browser: bool = True,
    device: str = "auto",
    threads: int | None = None,
    options: Annotated[CubeOptions, Parameter(name="*")] = CubeOptions(),  # noqa: B008
) -> None:
    """Look at cubes, spectra and saliency maps in the browser.

    Serves a page on this machine alone, prints its address and opens it. The page shows the cube in
    colour, by band or by principal components, spectra of the pixels that are clicked, and runs
    detectors. Only what lies at PATH can be opened by it. Ctrl-C ends it.

    Args:
        path: A cube, a folder that holds cubes at any depth, a prepared set, or the folder of a
            training run, whose scenes and detector are shown; by default the current folder.
        detector: A checkpoint file or run folder to offer beside those that come with the program;
            may be repeated.
        masks: Masks, or folders of masks, named like their cubes; those that lie beside a cube, or
            in a folder masks/, are found without it.
        mask_key: Variable of .npz or .mat files that is the mask.
        maps: Saliency maps of any program, or folders of them, named like their cubes.
        port: Port on 127.0.0.1; by default any that is free.
        browser: Open the page in the browser; with --no-browser its address is only printed.
        device: auto, cpu, cuda or cuda:N.
        threads: CPU threads of the detectors.
        options: How the cubes' files are to be understood.
    """
    options.check()
    if not 0 <= port <= HIGHEST_PORT:
        raise SettingError(f"--port must be from 0 to {HIGHEST_PORT}, got {port}")
    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        raise ModuleNotFoundError("the viewer needs an extra; pip install 'dmssn[view]'") from None
    from dmssn.devices import choose_device
    from dmssn.viewing.serving import serve
    from dmssn.viewing.starting import start_viewer

    choose_device(device, threads)
    viewer = start_viewer(
        path,
        opener=options.open,
        detectors=detector or (),
        masks=masks or (),
        mask_key=mask_key,
        maps=maps or (),
        device=device,
        data_set=options.set,
    )
    serve(viewer, _announce, port=port, browser=browser)


def _announce(address: str) -> None:
    print(address, flush=True)
    print("dmssn view: the page is for this machine alone; Ctrl-C ends it", file=sys.stderr)
