"""What the viewer's server answers: the page, scenes, their pictures, spectra and jobs.

Letters: H rows, W columns, B bands.
"""

import json
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Annotated, Any, Literal

import anyio.to_thread
import numpy as np
from fastapi import Depends, FastAPI, Header, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from dmssn.viewing.downloads import TYPES, download
from dmssn.viewing.guarding import Guard
from dmssn.viewing.jobs import BusyError, ChangedError, MissingError, one_line
from dmssn.viewing.layers import shown
from dmssn.viewing.scenes import Scene
from dmssn.viewing.spectra import NotUnpackedError
from dmssn.viewing.viewer import Viewer, Wanted

PAGE = {
    "": ("index.html", "text/html; charset=utf-8"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
    "view.css": ("view.css", "text/css; charset=utf-8"),
    **{
        name: (name, "text/javascript; charset=utf-8")
        for name in ("view.js", "page.js", "picture.js", "spectra.js", "chart.js")
    },
}
"""Paths of the page to its files and their types; no other file is served."""
THREADS = 8
"""Requests that are answered at a time."""

Number = Annotated[int, Query(ge=0, le=10**7)]
Place = Annotated[int, Path(ge=0, le=10**5)]
Threshold = Annotated[float, Query(ge=0, le=1, allow_inf_nan=False)]
Name = Annotated[str, Query(pattern=r"^[a-z0-9-]{1,40}$")]
OrNoName = Annotated[str, Query(pattern=r"^[a-z0-9-]{0,40}$")]
AsOf = Annotated[str, Header(pattern=r"^[0-9a-f]{0,16}$")]


def scene_of(request: Request, scene: str, as_of: AsOf = "") -> Scene:
    """The scene of an address."""
    found: Scene = request.app.state.viewer.scene(scene, as_of)
    return found


Opened = Annotated[Scene, Depends(scene_of)]


class Asked(BaseModel):
    """A job as the page asks for it; what it is ``Wanted`` says."""

    model_config = ConfigDict(extra="forbid")

    task: Literal["layer", "detect", "saved", "means", "metrics", "spectra"]
    name: str = Field(default="", pattern=r"^[a-z0-9-]{0,40}$")
    threshold: float = Field(default=0.5, ge=0, le=1, allow_inf_nan=False)


class Answer(JSONResponse):
    """Plain values, arrays among them, as JSON; what is not finite becomes null."""

    def render(self, content: object) -> bytes:
        """The body."""
        return json.dumps(plain(content), allow_nan=False, separators=(",", ":")).encode()


def plain(value: Any) -> Any:  # noqa: ANN401
    """A value as JSON can have it; floats to seven digits, as many as float32 has.

    Example:
        >>> plain({"mean": np.array([0.1, np.nan]), "pixels": 3})
        {'mean': [0.1, None], 'pixels': 3}
    """
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, float):
        return float(f"{value:.7g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def create_app(viewer: Viewer, token: str) -> ASGIApp:
    """The server's application: ``viewer`` behind a guard that asks for ``token``."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        yield
        viewer.jobs.close()

    # No pages that describe the interface: it is the page's own.
    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
        default_response_class=Answer,
    )
    app.state.viewer = viewer
    _answer_errors(app)
    _serve_page(app)
    _serve_scenes(app, viewer)
    _serve_pictures(app, viewer)
    return Guard(app, token)


def _answer_errors(app: FastAPI) -> None:
    statuses: dict[type[Exception], int] = {
        MissingError: 404,
        ChangedError: 410,
        NotUnpackedError: 409,
        BusyError: 429,
        OSError: 422,
        ValueError: 422,
        ModuleNotFoundError: 422,
        MemoryError: 422,
    }
    for kind, status in statuses.items():
        app.add_exception_handler(kind, _refusing(status))

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> Response:
        # What was sent is not repeated: it may be anything.
        known = {*Asked.model_fields, "row", "column", "band", "map", "level", "as-of"}
        places = {str(part["loc"][-1]) for part in error.errors()} & known or {"body"}
        return Answer({"error": f"malformed request: {', '.join(sorted(places))}"}, 400)

    @app.exception_handler(HTTPException)
    async def nothing(_: Request, error: HTTPException) -> Response:
        return Answer({"error": str(error.detail)}, error.status_code)

    @app.exception_handler(Exception)
    async def unforeseen(_: Request, __: Exception) -> Response:  # which the server prints
        return Answer({"error": "something unforeseen went wrong; see the terminal"}, 500)


def _refusing(status: int) -> Any:  # noqa: ANN401
    async def answer(_: Request, error: Exception) -> Response:
        return Answer({"error": one_line(error)}, status)

    return answer


def _serve_page(app: FastAPI) -> None:
    folder = files("dmssn.viewing") / "page"
    contents = {path: (folder / name).read_bytes() for path, (name, _) in PAGE.items()}

    def serve(path: str) -> None:
        async def part() -> Response:
            return Response(contents[path], media_type=PAGE[path][1])

        app.add_api_route(f"/{path}", part, methods=["GET", "HEAD"])

    for path in PAGE:
        serve(path)


def _serve_scenes(app: FastAPI, viewer: Viewer) -> None:
    """Plain functions are run in threads, for files are read."""

    @app.get("/api/start")
    def start() -> Response:
        return Answer(viewer.start())

    @app.get("/api/scenes/{scene}")
    def facts(opened: Opened) -> Response:
        return Answer(opened.facts())

    @app.get("/api/scenes/{scene}/spectrum")
    def spectrum(opened: Opened, row: Number, column: Number, map: OrNoName = "") -> Response:
        return Answer(opened.pixel(row, column, map))

    @app.post("/api/scenes/{scene}/jobs")
    def begin(opened: Opened, asked: Asked) -> Response:
        return Answer(viewer.begin(opened, Wanted(**asked.model_dump())).told())

    @app.get("/api/jobs/{job}")
    async def job(job: str) -> Response:
        return Answer(viewer.jobs.get(job).told())

    @app.delete("/api/jobs/{job}")
    async def stop(job: str) -> Response:
        viewer.jobs.get(job).stop()
        return Answer(viewer.jobs.get(job).told())


def _serve_pictures(app: FastAPI, viewer: Viewer) -> None:
    @app.get("/api/scenes/{scene}/tiles/{layer}/{level}/{row}/{column}")
    def tile(opened: Opened, layer: str, level: Place, row: Place, column: Place) -> Response:
        content, kind = opened.layer(layer).tile(level, row, column)
        return Response(content, media_type=kind)

    @app.get("/api/scenes/{scene}/preview")
    def preview(opened: Opened, band: Number) -> Response:
        content, kind = shown(opened.preview(band)).tile(0, 0, 0)
        return Response(content, media_type=kind)

    @app.get("/api/scenes/{scene}/files/{kind}")
    def file(opened: Opened, kind: str, map: Name, threshold: Threshold = 0.5) -> Response:
        content = download(opened, viewer.map_of(opened, map), kind, threshold)
        headers = {"content-disposition": "attachment"}  # by the name that the page gives it
        return Response(content, media_type=TYPES[kind[kind.index(".") :]], headers=headers)
