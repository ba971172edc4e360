"""Objects of generated scenes, what is before and beside them: masks true to the geometry."""

import numpy as np
import pytest
from scipy.ndimage import label

from dmssn.scenes import distractors, families, shadows, shapes, structures, textures
from dmssn.scenes.arranging import AFLOAT, AIRBORNE, NEAR, arrange, draw_plan
from dmssn.scenes.backgrounds import BACKGROUNDS
from dmssn.scenes.canvas import Canvas
from dmssn.scenes.chance import Chance
from dmssn.scenes.foreground import draw_screen, hang
from dmssn.scenes.light import Light
from dmssn.scenes.materials import Material
from dmssn.scenes.objects import Thing, distances, outlines, paint, unit_area
from dmssn.scenes.spectra import GRID_NM, spectra_of
from dmssn.scenes.staging import KINDS, Stage
from dmssn.scenes.styles import draw_kind, draw_style

SUN = np.array([0.0, 0.0, 1.0])
WHITE = Material(np.ones((1, GRID_NM.size)))
GREY = Material(np.full((2, GRID_NM.size), 0.5))
EVERY = dict.fromkeys(NEAR + AIRBORNE + AFLOAT)


def chance(seed):
    return Chance([seed], spectra_of("train"))


def white_canvas(height=50, width=60):
    canvas = Canvas(height, width)
    full = np.ones((height, width), dtype=np.float32)
    canvas.cover(WHITE, full, full[None])
    return canvas


@pytest.mark.parametrize("family", EVERY)
def test_the_mask_is_where_the_object_covers_half_of_the_pixel_or_more(family):
    rng = chance(1)
    canvas = white_canvas()
    y, x, scale = rng.uniform(10, 45), rng.uniform(10, 45), rng.uniform(4, 20)
    paint(rng, canvas, Thing(family(rng), [GREY], y, x, scale, rng.uniform(0, 6)), SUN, 1)
    left_of_background = canvas.planes[0]
    assert canvas.mask.any()
    # Of two parts that each hide a little, the mask holds what one of them covers.
    assert (left_of_background[canvas.mask] <= 0.5).all()
    assert (left_of_background[~canvas.mask] > 0.2).all()


@pytest.mark.parametrize(
    ("distance", "inside"),
    [
        (shapes.ellipse(0, 0, 1, 0.5), lambda x, y: x**2 + 4 * y**2 <= 1),
        (shapes.box(0.1, 0, 0.8, 0.4), lambda x, y: (abs(x - 0.1) <= 0.8) & (abs(y) <= 0.4)),
        (shapes.ring(0, 0, 0.7, 0.2), lambda x, y: abs(np.hypot(x, y) - 0.7) <= 0.2),
        (shapes.capsule(-1, 0, 1, 0, 0.1), lambda x, y: (abs(y) <= 0.1) & (abs(x) <= 1)),
        (
            shapes.convex([(0, -1), (1, 1), (-1, 1)]),
            lambda x, y: (y <= 1) & (abs(x) <= (y + 1) / 2),
        ),
    ],
)  # fmt: skip
def test_masks_are_exact_against_geometry_worked_apart(distance, inside):
    y, x, scale, angle = 33.3, 41.7, 15.2, 0.6
    thing = Thing([shapes.Part(distance)], [GREY], y, x, scale, angle)
    canvas = white_canvas(72, 80)
    paint(chance(0), canvas, thing, SUN, 1)
    rows, columns = np.mgrid[:72, :80].astype(float)
    dx, dy = (columns - x) / scale, (rows - y) / scale
    u, v = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
    expected = inside(u, v)
    if distance.__qualname__.startswith("capsule"):  # its round ends
        expected |= np.minimum(np.hypot(u - 1, v), np.hypot(u + 1, v)) <= 0.1
    np.testing.assert_array_equal(canvas.mask, expected)


def test_later_objects_hide_earlier_ones_and_the_labels_say_which():
    canvas = white_canvas()
    things = [
        Thing([shapes.Part(shapes.ellipse(0, 0, 1, 1))], [GREY], 25, x, 10, 0) for x in (20, 30)
    ]
    for number, thing in enumerate(things, start=1):
        paint(chance(0), canvas, thing, SUN, number)
    assert canvas.labels[25, 25] == 2
    assert canvas.labels[25, 12] == 1
    np.testing.assert_array_equal(canvas.labels, outlines(things, canvas.shape))


@pytest.mark.parametrize("seed", range(6))
def test_outlines_of_whole_arrangements_are_what_was_painted(seed):
    rng = chance(seed)
    plan = draw_plan(rng, "ground", draw_style(rng, ["MO"]))
    things = arrange(rng, plan, (50, 60))
    canvas = white_canvas()
    for number, thing in enumerate(things, start=1):
        thing.materials.append(GREY)
        paint(rng, canvas, thing, SUN, number)
    np.testing.assert_array_equal(canvas.labels, outlines(things, canvas.shape))


def test_an_enlarged_outline_is_the_same_outline_larger():
    thing = Thing([shapes.Part(shapes.ellipse(0, 0, 1, 0.6))], [], 20.2, 25.7, 8, 0.4)
    small, large = outlines([thing], (40, 50)), outlines([thing], (40, 50), 4)
    assert large.shape == (160, 200)
    assert large.sum() / 16 == pytest.approx(small.sum(), rel=0.05)
    share = large.reshape(40, 4, 50, 4).mean(axis=(1, 3))
    assert (small[share == 1] == 1).all()
    assert (small[share == 0] == 0).all()


def test_what_is_before_an_object_is_taken_from_its_mask():
    for seed in range(8):
        rng = chance(seed)
        canvas = white_canvas()
        canvas.labels[:] = 1
        screen = draw_screen(rng, canvas.shape)
        hang(rng, canvas, screen)
        left_of_background = canvas.planes[0]
        assert not canvas.mask.all()
        np.testing.assert_array_equal(canvas.mask, left_of_background > 0.5)
        wide = screen.coverage(canvas.shape, 2)
        assert wide.shape == (100, 120)
        assert wide.mean() == pytest.approx(1 - left_of_background.mean(), abs=0.05)


def test_what_draws_the_eye_beside_the_objects_is_not_salient():
    for seed in range(6):
        canvas = white_canvas()
        rng = chance(seed)
        distractors.stain(rng, canvas)
        lumps = distractors.lumps(rng, canvas, [WHITE], SUN)
        assert lumps
        assert not canvas.mask.any()
        # Of the material they lie on: one spectrum, whatever its brightness.
        assert all(np.ptp(spectrum) == 0 for spectrum in canvas.spectra)


def test_a_disguise_changes_spectra_and_no_brightness():
    canvas = white_canvas()
    canvas.dim(np.linspace(0.2, 1, 60, dtype=np.float32)[None].repeat(50, axis=0))
    before = canvas.planes[0].copy()
    twins = Material(np.full((1, GRID_NM.size), 0.3))
    half = np.zeros((50, 60), dtype=np.float32)
    half[:, 20:40] = 1
    for _ in range(2):  # where two overlap, the second finds nothing left to change
        canvas.disguise(twins, half)
    np.testing.assert_allclose(canvas.planes[1], before * half)
    np.testing.assert_allclose(canvas.planes[0] + canvas.planes[1], before)


def test_shadows_fall_away_from_the_light_and_on_others_only():
    canvas = white_canvas()
    thing = Thing([shapes.Part(shapes.ellipse(0, 0, 1, 1))], [GREY], 25, 30, 6, 0)
    paint(chance(0), canvas, thing, SUN, 1)
    sun = np.array([0.8, 0.0, 0.6])  # from the right
    left = shadows.cast(canvas.shape, [thing], sun, 1.0)
    assert left[25, 22] < 0.2
    assert left[25, 38] == 1
    among = shadows.cast(canvas.shape, [thing], sun, 1.0, canvas.labels)
    assert (among[canvas.mask] == 1).all()
    np.testing.assert_array_equal(among[~canvas.mask], left[~canvas.mask])
    seam = shadows.contact(canvas.shape, [thing], sun)
    assert seam[25, 23] < seam[25, 37] == 1
    lifted = shadows.lift(seam, [thing])
    assert (lifted[distances(thing, np.s_[:50, :60])[0] <= -0.5] == 1).all()
    np.testing.assert_array_equal(lifted >= seam, True)


def test_no_line_of_light_follows_an_outline():
    """A pixel half covered by a dark object has its ground in the shadow, not in the light."""
    canvas = white_canvas()
    dark = Material(np.full((1, GRID_NM.size), 0.01))
    thing = Thing([shapes.Part(shapes.ellipse(0, 0, 1, 1))], [dark], 25.3, 30.4, 14, 0)
    paint(chance(0), canvas, thing, SUN, 1)
    sun = np.array([0.8, 0.0, 0.6])  # from the right
    shadow = shadows.cast(canvas.shape, [thing], sun, 0.5)
    seam = 1 - 0.8 * (1 - shadows.contact(canvas.shape, [thing], sun))
    even = np.ones(canvas.shape, dtype=np.float32)
    stage = Stage(
        canvas=canvas,
        plan=draw_plan(chance(0), "plain", draw_style(chance(0), [])),
        things=[thing],
        screen=None,
        lights=[Light(GRID_NM, even), Light(GRID_NM, 0.1 * even)],
        ground=1,
        on_ground=[shadow * seam, seam],
        materials=1,
        distractors=[],
        outdoors=False,
    )
    bright = stage.lit(canvas.planes)
    bright = bright[0] + bright[2] + 0.01 * (bright[1] + bright[3])
    row = bright[25, :30]  # through the shadow into the object
    assert row[0] > 1
    assert (np.diff(row) <= 0.01).all()  # its own texture is all that rises
    assert stage.shade[25, 30] > 2 * stage.shade[25, 14]


@pytest.mark.parametrize("seed", range(12))
def test_shadows_from_outside_leave_between_none_and_all_of_the_light(seed):
    left = shadows.from_outside(chance(seed), (40, 50))
    assert left.shape == (40, 50)
    assert 0 <= left.min() <= left.max() <= 1
    assert left.min() < 1


def test_a_ball_has_the_area_of_a_circle():
    parts = [shapes.Part(shapes.ellipse(0, 0, 1, 1))]
    assert unit_area(parts) == pytest.approx(np.pi, rel=0.03)
    field = distances(Thing(parts, [], 32, 32, 20, 0.3), np.s_[0:64, 0:64])[0]
    assert (field < 0).sum() == pytest.approx(np.pi * 400, rel=0.02)


def test_a_star_has_its_tips_at_one_and_its_corners_where_they_were_put():
    distance = shapes.star(5, 0.4)
    turn = np.arange(10) * np.pi / 5
    for radius, sign in ((0.97, -1), (1.03, 1)):
        outline = np.where(np.arange(10) % 2 == 0, 1.0, 0.4) * radius
        field = distance(outline * np.cos(turn), outline * np.sin(turn))
        assert (np.sign(field) == sign).all()


@pytest.mark.parametrize("family", EVERY)
def test_every_family_of_shapes_is_near_its_own_size(family):
    for seed in range(5):
        parts = family(chance(seed))
        assert 0.05 < unit_area(parts) < 6
        y, x = np.mgrid[-2:2:81j, -2:2:81j].astype(np.float32)
        inside = np.min([part.distance(x, y) for part in parts], axis=0) < 0
        assert np.hypot(x, y)[inside].max() < 1.8


@pytest.mark.parametrize("kind", BACKGROUNDS)
def test_a_background_fills_the_picture_and_is_not_salient(kind):
    for seed in range(6):
        canvas = Canvas(40, 48)
        palette = BACKGROUNDS[kind](chance(seed), canvas)
        assert palette
        assert not canvas.mask.any()
        assert np.min(canvas.planes) >= 0
        assert np.sum(canvas.planes, axis=0).min() > 0.01


def test_textures_are_centred_and_of_unit_spread():
    rng = chance(0)
    for grain in (2, 10, 60):
        field = textures.fractal(rng, (64, 48), grain)
        assert field.dtype == np.float32
        assert abs(field.mean()) < 1e-3
        assert field.std() == pytest.approx(1, abs=1e-3)


def test_cells_are_the_nearest_points_and_gaps_are_widest_in_their_middle():
    cell, gap = textures.mosaic(chance(0), (40, 50), 30, 0.0)
    assert cell.max() < 30
    edge = (cell[:, 1:] != cell[:, :-1]).nonzero()
    assert gap[edge].max() < 1.5
    assert gap.max() > 2
    brick, joint = textures.courses(chance(1), (60, 60), 10, 20, 0.5)
    assert 18 <= brick.max() + 1 <= 50
    assert 0 <= joint.min() <= joint.max() <= 5.01


def test_textures_recede_to_finer_ones_at_the_horizon():
    field = textures.fractal(chance(0), (128, 128), 12)[None]
    seen = textures.receding(field, 0.2)[0]
    change = np.abs(np.diff(seen, axis=1)).mean(axis=1)
    assert change[26:46].mean() > 1.5 * change[-20:].mean()


def test_small_thin_things_keep_their_parts():
    rng = chance(0)
    plan = draw_plan(rng, "patchwork", draw_style(rng, ["SO"]))
    for _ in range(20):
        for thing in arrange(rng, plan, (64, 64)):
            assert thing.scale >= 1
    assert families.airplane in AIRBORNE


def test_a_roof_takes_light_from_the_ground_where_its_shadow_falls():
    town = structures.Town(angle=0.3, shade=(0.0, 200.0), depth=0.5)
    seen = 0
    for seed in range(20):
        canvas = white_canvas(80, 80)
        structures.roof(chance(seed), canvas, town, GREY)
        ground, covered = canvas.planes[0], canvas.coverage(GREY) > 0
        dark = (ground > 0.3) & (ground < 0.7) & ~covered
        if dark.sum() > 20 and covered.any():
            seen += 1
            rows, columns = np.nonzero(covered)
            assert np.nonzero(dark)[1].mean() > columns.mean()
            assert set(np.nonzero(dark)[0]) <= set(range(rows.min() - 1, rows.max() + 2))
    assert seen >= 10


def test_what_is_there_for_the_asking_alone_is_not_drawn_by_chance():
    for seed in range(200):
        rng = chance(seed)
        style = draw_style(rng, [])
        assert draw_kind(rng, KINDS, style) not in ("built", "harbour")
        assert draw_plan(rng, "built", style).fraction <= 0.02
        assert draw_plan(rng, "harbour", style).afloat


def test_a_dam_parts_the_picture_and_has_water_on_both_sides():
    town = structures.Town(angle=0.0, shade=(0.0, 0.0), depth=0.0)
    parted = 0
    for seed in range(20):
        canvas = white_canvas(120, 120)
        palette = []
        structures.dam(chance(seed), canvas, town, palette)
        wet = canvas.planes[0] > 0.9
        if len(palette) == 1 and (canvas.coverage(palette[0]) > 0.5).any():
            parted += label(wet)[1] >= 2
    assert parted >= 3
