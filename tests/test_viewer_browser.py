"""The viewer's page in a real browser: what people do with it, and what they then see."""

import csv
import io
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from making import write_detector
from viewed import HEIGHT, WIDTH, cube_values, serving, write_cube, write_mask

pytest.importorskip("fastapi", reason="the extra view is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

from dmssn.readers import open_cube  # noqa: E402
from dmssn.viewing.starting import start_viewer  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SECONDS = 120_000
"""A busy machine is not a failure."""


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    with playwright.sync_playwright() as started:
        # Without a sandbox it also starts for the superuser; it sees our own page alone.
        opened = started.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"], timeout=SECONDS
        )
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    root = tmp_path_factory.mktemp("browser")
    write_cube(root / "cube.h5")
    write_mask(root / "masks" / "cube.png")
    write_cube(root / "other.h5", cube_values()[:, :20])
    detector = write_detector(tmp_path_factory.mktemp("detector") / "mine.safetensors")
    viewer = start_viewer(root, opener=open_cube, detectors=[str(detector)])
    with serving(viewer) as server:
        yield server


@pytest.fixture
def page(browser, served):
    """The page with its first scene drawn; nothing goes wrong in it, and nothing leaves it."""
    for scene in served.scenes().values():  # maps that other tests made would be shown
        served.viewer.scene(scene).maps.clear()
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    page.set_default_timeout(SECONDS)
    wrong = []
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda request: wrong.append(f"{request.url} {request.failure}"))
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((served.address, "blob:"))
            else wrong.append(f"asked for {request.url}")
        ),
    )
    page.goto(served.address)
    page.wait_for_selector("#facts dt", state="attached")
    drawn(page)
    yield page
    page.close()
    assert wrong == []


def drawn(page):
    """Wait until all tiles in view are drawn."""
    page.wait_for_timeout(400)
    page.wait_for_selector("#stage[data-drawn=whole]")
    page.wait_for_selector("#work", state="hidden")
    page.wait_for_selector("#stage[data-drawn=whole]")


def shot(page):
    """The picture on the page."""
    return np.asarray(Image.open(io.BytesIO(page.locator("#stage").screenshot())).convert("RGB"))


def place_of(page, row, column):
    """Where a pixel of the scene is on the fitted canvas."""
    box = page.locator("#stage").bounding_box()
    scale = min(box["width"] / WIDTH, box["height"] / HEIGHT)
    left = (box["width"] - scale * WIDTH) / 2
    top = (box["height"] - scale * HEIGHT) / 2
    return {"x": left + (column + 0.5) * scale, "y": top + (row + 0.5) * scale}


def click_pixel(page, row, column):
    count = page.locator("#pins li").count()
    page.locator("#stage").click(position=place_of(page, row, column))
    page.locator("#pins li").nth(count).wait_for()
    page.wait_for_selector(f"#pins li:nth-child({count + 1}):not(:has-text('not read'))")


def run_detector(page):
    page.click("#run")
    page.wait_for_selector("#map-controls")
    page.wait_for_selector("#scores-box")
    drawn(page)


def set_slider(page, slider, value):
    page.locator(slider).fill(str(value))


def test_a_click_shows_the_spectrum_of_that_pixel(page):
    click_pixel(page, 15, 20)
    assert "row 15, column 20" in page.inner_text("#pins")
    assert "salient by the mask" in page.inner_text("#pins")
    click_pixel(page, 30, 5)
    assert page.locator("#chart path").count() == 2
    with page.expect_download() as kept:
        page.click("#save-csv")
    rows = list(csv.DictReader(kept.value.path().read_text().splitlines()))
    assert kept.value.suggested_filename == "cube.spectra.csv"
    nm = [float(row["wavelength_nm"]) for row in rows]
    np.testing.assert_allclose(nm, np.linspace(420, 700, 8), rtol=1e-5)
    for row, column in ((15, 20), (30, 5)):
        got = [float(line[f"pixel_row{row}_column{column}"]) for line in rows]
        np.testing.assert_allclose(got, cube_values()[row, column], rtol=1e-6)
    page.get_by_label("Remove spectrum 1").press("Enter")
    assert page.locator("#chart path").count() == 1
    assert page.evaluate("document.activeElement.ariaLabel") == "Remove spectrum 2"


def test_the_detector_runs_and_its_map_follows_the_threshold(page):
    before = shot(page)
    run_detector(page)
    overlaid = shot(page)
    assert (before != overlaid).any()
    contour = np.array([0, 255, 255])
    edge = [(np.abs(overlaid - contour).max(axis=2) == 0).sum()]
    set_slider(page, "#threshold", 0)
    assert "100 % of the scene" in page.inner_text("#threshold-said")
    for threshold in (0.4, 0.6, 1.0):
        set_slider(page, "#threshold", threshold)
        drawn(page)
        assert f"{threshold:.3f}" in page.inner_text("#threshold-said")
        edge.append((np.abs(shot(page) - contour).max(axis=2) == 0).sum())
    assert len(set(edge)) > 2
    assert edge[-1] == 0  # nothing of an untrained detector reaches 1
    page.check("input[value=none]")
    page.uncheck("#contour")
    drawn(page)
    np.testing.assert_array_equal(shot(page), before)


def test_hits_and_misses_scores_and_means_come_with_a_mask(page):
    run_detector(page)
    assert "AUC" in page.inner_text("#scores")
    assert "precision" in page.inner_text("#at-threshold")
    page.check("input[value=agreement]")
    set_slider(page, "#threshold", 0)
    set_slider(page, "#strength", 1)
    page.uncheck("#contour")
    drawn(page)
    picture = shot(page)
    inside, outside = place_of(page, 12, 20), place_of(page, 35, 40)
    assert picture[int(inside["y"]), int(inside["x"])].tolist() == [0, 158, 115]  # a hit
    assert picture[int(outside["y"]), int(outside["x"])].tolist() == [213, 94, 0]  # false alarm
    set_slider(page, "#threshold", 0.5)
    page.check("#group-means")
    page.wait_for_selector("#pins li:has-text('salient pixels')")
    page.wait_for_selector("#pins li:has-text('background pixels')")


def test_regions_code_bands_and_components_are_shown(page):
    seen = [shot(page)]
    assert page.locator("input[value=regions]").is_disabled()
    for choice in ("band", "bands", "pca"):
        page.check(f"input[value={choice}]")
        drawn(page)
        seen.append(shot(page))
    page.check("input[value=band]")
    set_slider(page, "#band", 0)
    drawn(page)
    assert "420 nm" in page.inner_text("#band-name")
    seen.append(shot(page))
    run_detector(page)
    page.uncheck("#contour")
    page.check("input[value=none]")
    for choice in ("regions", "code"):
        page.check(f"input[value={choice}]")
        drawn(page)
        seen.append(shot(page))
    for i, one in enumerate(seen):
        assert all((one != other).any() for other in seen[:i])


def test_zoomed_in_a_pixel_is_one_sharp_square(page):
    page.check("input[value=band]")
    drawn(page)
    page.locator("#stage").hover(position=place_of(page, 20, 26))
    for _ in range(8):
        page.mouse.wheel(0, -300)
    drawn(page)
    picture = shot(page)
    colours = np.unique(picture.reshape(-1, 3), axis=0)
    # 64 screen pixels a side: few squares are in view, and nothing between their colours.
    assert len(colours) < (picture.shape[0] / 64 + 2) * (picture.shape[1] / 64 + 2) + 40
    assert "6400 %" in page.inner_text("#zoomed")


def test_everything_can_be_done_by_keys(page):
    page.focus("#stage")
    page.keyboard.press("ArrowDown")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert page.inner_text("#status") == f"row {HEIGHT // 2 + 1}, column {WIDTH // 2 + 3}"
    page.keyboard.press("Enter")
    page.wait_for_selector("#pins li")
    page.keyboard.press("+")
    page.keyboard.press("0")
    page.keyboard.press(".")
    assert page.is_checked("input[value=band]")
    page.keyboard.press("Backspace")
    page.wait_for_selector("#pins li", state="detached")
    # Without the picture: by numbers.
    page.get_by_role("spinbutton", name="Row").fill("3")
    page.get_by_role("spinbutton", name="Column").fill("4")
    page.get_by_role("button", name="Show spectrum").press("Enter")
    page.wait_for_selector("#status:has-text('row 3, column 4')", state="attached")


def test_every_control_has_a_name(page):
    run_detector(page)
    for role in ("button", "checkbox", "radio", "slider", "combobox", "spinbutton", "link"):
        for control in page.get_by_role(role).all():
            shown = control.aria_snapshot()
            assert '"' in shown, shown  # - role "name"


def test_another_scene_is_another_page(page, served):
    click_pixel(page, 15, 20)
    page.select_option("#scene", label="other.h5")
    page.wait_for_selector("#facts dd:has-text('20 columns')", state="attached")
    drawn(page)
    assert page.locator("#pins li").count() == 0
    assert page.locator("#mask-choice").is_hidden()
    page.reload()
    page.wait_for_selector("#facts dd:has-text('20 columns')", state="attached")


def test_a_map_that_was_made_is_there_after_a_reload(page):
    run_detector(page)
    page.reload()
    page.wait_for_selector("#map-controls")
    page.wait_for_selector("#scores-box")
    assert page.inner_text("#run") == "Run again"


def test_a_scene_that_is_left_has_its_jobs_stopped(page):
    running = json.dumps({"id": "0", "state": "running", "doing": "reading", "share": 0.5})
    page.route("**/jobs", lambda route: route.fulfill(body=running))
    page.route("**/jobs/0", lambda route: route.fulfill(body=running))
    page.click("#run")
    page.wait_for_selector("#running")
    with page.expect_request(lambda asked: asked.method == "DELETE"):
        page.click("#next")


def test_a_cube_that_is_written_anew_is_shown_as_it_is_now(browser, tmp_path):
    path = write_cube(tmp_path / "cube.h5")
    page = browser.new_page()
    page.set_default_timeout(SECONDS)
    with serving(start_viewer(tmp_path, opener=open_cube)) as server:
        page.goto(server.address)
        page.wait_for_selector("#facts dt", state="attached")
        path.unlink()
        write_cube(path, cube_values()[: HEIGHT // 2])
        page.click("#pixel-form button[type=submit]")
        page.wait_for_selector("#error:has-text('cube.h5 was written anew')")
        assert f"{HEIGHT // 2} rows" in page.text_content("#facts")
        path.unlink()
        page.click("#pixel-form button[type=submit]")
        page.wait_for_selector("#error:has-text('is no longer there')")
    page.click("#pixel-form button[type=submit]")
    page.wait_for_selector("#error:has-text('the viewer does not answer')")
    page.close()


@pytest.mark.parametrize(
    ("button", "name"),
    [
        ("#save-view", "cube.view.png"),
        ("#save-chart", "cube.spectra.png"),
        ("#save-overlay", "cube.overlay.png"),
        ("#save-saliency", "cube.saliency.png"),
        ("#save-objects", "cube.objects.csv"),
    ],
)
def test_files_are_kept_by_names_that_tell_what_they_are(page, button, name):
    click_pixel(page, 15, 20)
    run_detector(page)
    with page.expect_download() as kept:
        page.click(button)
    assert kept.value.suggested_filename == name
    assert kept.value.path().stat().st_size > 100


def test_on_a_phone_nothing_is_wider_than_the_screen(page):
    page.set_viewport_size({"width": 380, "height": 800})
    drawn(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    click_pixel(page, 15, 20)
