// Spectra: pixels that were picked, their regions' means, the chart, the table and the files of it.

import { $, askJson, keep, networkMap, progress, say, scenePath, state, trying, view, work } from "./page.js";
import { chartBlob, drawChart, short } from "./chart.js";

const MOST_PINS = 8;
// Told apart by people who see few colours.
const PIN_COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1", "#7f7f7f"];
const GROUPS = { salient: "#c1121f", background: "#4a6fa5" };

export async function pick(spot) {
  let pin = state.pins.find((one) => one.spot[0] === spot[0] && one.spot[1] === spot[1]);
  if (pin?.told) return; // else it could not be read, which is tried again
  if (!pin) {
    const taken = new Set(state.pins.map((one) => one.colour));
    if (state.pins.length >= MOST_PINS) taken.delete(state.pins.shift().colour);
    state.count += 1;
    pin = { spot, label: String(state.count), colour: PIN_COLOURS.find((colour) => !taken.has(colour)), told: null };
    state.pins.push(pin);
  }
  [$("pixel-row").value, $("pixel-column").value] = spot;
  drawSpectra();
  await readPin(pin);
  drawSpectra();
  if (pin.told) say(`Spectrum ${pin.label}: ${describePin(pin)}`);
}

async function readPin(pin) {
  await trying(async (here) => {
    const which = state.map ?? networkMap() ?? "";
    try {
      const told = await askJson(scenePath(`/spectrum?row=${pin.spot[0]}&column=${pin.spot[1]}&map=${which}`));
      if (here()) pin.told = told;
    } catch (error) {
      if (error.status !== 409) throw error; // it is read once the cube is unpacked
    }
  });
}

export async function readPins() {
  await Promise.all(state.pins.map(readPin));
  drawSpectra();
}

function describePin(pin) {
  const words = [`row ${pin.spot[0]}, column ${pin.spot[1]}`];
  const { told } = pin;
  if (!told) return `${words[0]}: not read yet`;
  if (!told.valid) words.push("invalid pixel");
  if (told.saliency !== undefined) words.push(`saliency ${told.saliency.toFixed(3)}`);
  if (told.salient !== undefined) words.push(told.salient === null ? "truth not known" : told.salient ? "salient by the mask" : "background by the mask");
  if (told.region) words.push(`region ${told.region.number} (${told.region.pixels} px)`);
  return words.join(" · ");
}

/** All lines of the chart. */
function series() {
  const found = [];
  for (const pin of state.pins) {
    if (!pin.told) continue;
    found.push({ name: `pixel ${pin.label}`, column: `pixel_row${pin.spot[0]}_column${pin.spot[1]}`, colour: pin.colour, values: pin.told.spectrum });
    if ($("region-means").checked && pin.told.region && !state.scene.prepared) {
      found.push({ name: `region of ${pin.label}`, column: `region_${pin.told.region.number}_mean`, colour: pin.colour, dash: "6 4", values: pin.told.region.mean });
    }
  }
  if (state.means && $("group-means").checked) {
    for (const kind of ["salient", "background"]) {
      if (state.means[`${kind}_pixels`]) found.push({ name: `mean of ${kind}`, column: `${kind}_mean`, colour: GROUPS[kind], dash: kind === "salient" ? undefined : "2 4", width: 3, values: state.means[kind] });
    }
  }
  if (!$("shape-only").checked) return found;
  return found.map((one) => {
    const known = one.values.filter((value) => value !== null);
    const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
    return { ...one, values: one.values.map((value) => (value === null || !mean ? null : value / mean)) };
  });
}

function places() {
  return state.scene.wavelengths ?? Array.from({ length: state.scene.bands }, (_, band) => band);
}

function chartWords() {
  return {
    x: state.scene.wavelengths ? "Wavelength (nm)" : "Band number",
    y: $("shape-only").checked ? "Value / mean of the spectrum" : state.scene.prepared ? "Prepared value" : "Value in the cube's units",
    title: `Chart of ${series().length} spectra`,
    empty: "Click a pixel of the picture.",
  };
}

function ink() {
  const style = getComputedStyle(document.body);
  return { text: style.getPropertyValue("--ink"), line: style.getPropertyValue("--line") };
}

export function drawSpectra() {
  if (!state.scene) return;
  const lines = series();
  state.chart = drawChart($("chart"), lines, places(), chartWords(), ink());
  state.chart.svg.addEventListener("pointermove", (event) => readChart(state.chart.place(event), lines));
  state.chart.svg.addEventListener("pointerleave", () => readChart(null, lines));
  readChart(null, lines);
  view.pins = state.pins;
  view.redraw();
  const focused = [...$("pins").querySelectorAll("button")].indexOf(document.activeElement);
  $("pins").replaceChildren(...state.pins.map((pin) => legend(pin.colour, undefined, `${pin.label} · ${describePin(pin)}`, () => remove(pin), `Remove spectrum ${pin.label}`)));
  if (state.means && $("group-means").checked) {
    for (const kind of ["salient", "background"]) {
      $("pins").append(legend(GROUPS[kind], kind === "salient" ? undefined : "2 4", `mean of ${state.means[`${kind}_pixels`].toLocaleString("en")} ${kind} pixels`));
    }
  }
  if (focused >= 0) { // the place in the list is kept
    const buttons = [...$("pins").querySelectorAll("button")];
    (buttons[Math.min(focused, buttons.length - 1)] ?? $("clear")).focus();
  }
  if ($("table-box").open) fillTable();
}

function readChart(band, lines) {
  state.chart.mark(band);
  $("value").textContent = band === null ? "" : `${state.scene.wavelengths ? `${short(state.scene.wavelengths[band])} nm, ` : ""}band ${band}: ` +
    lines.map((one) => `${one.name} ${short(one.values[band])}`).join(" · ");
}

function legend(colour, dash, words, act, label) {
  const item = document.createElement("li");
  const swatch = document.createElement("span");
  swatch.className = "swatch";
  swatch.style.background = dash ? `repeating-linear-gradient(90deg, ${colour} 0 4px, transparent 4px 8px)` : colour;
  item.append(swatch, Object.assign(document.createElement("span"), { textContent: words }));
  if (act) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: "×" });
    button.setAttribute("aria-label", label);
    button.addEventListener("click", act);
    item.append(button);
  }
  return item;
}

export function remove(pin) {
  state.pins = state.pins.filter((one) => one !== pin);
  drawSpectra();
  say(`Spectrum ${pin.label} is removed`);
}

function rows() {
  // Pixels of one region share its mean.
  const lines = series().filter((one, i, all) => all.findIndex((other) => other.column === one.column) === i);
  const head = [...(state.scene.wavelengths ? ["wavelength_nm"] : []), "band", ...lines.map((one) => one.column)];
  const body = places().map((place, band) => [...(state.scene.wavelengths ? [place] : []), band, ...lines.map((one) => one.values[band] ?? "")]);
  return [head, ...body];
}

function fillTable() {
  const table = document.createElement("table");
  table.append(...rows().map((cells, i) => {
    const row = document.createElement("tr");
    row.append(...cells.map((cell, column) => {
      const made = document.createElement(i && column ? "td" : "th");
      if (!i) made.scope = "col";
      else if (!column) made.scope = "row";
      made.textContent = cell;
      return made;
    }));
    return row;
  }));
  $("table").replaceChildren(table);
}

/** Mean spectra of what is salient at the threshold and of the rest, if they are wanted. */
export async function showMeans() {
  if (!$("group-means").checked || state.map === null) {
    state.means = null;
    drawSpectra();
    return;
  }
  await trying(async (here) => {
    const [map, threshold] = [state.map, view.options.threshold];
    const told = progress($("running"), $("running-doing"), $("running-share"));
    try {
      const means = await work("means", { name: map, threshold, only: "means", told: (...how) => here() && told(...how) });
      if (here() && state.map === map && view.options.threshold === threshold) state.means = means;
    } finally {
      if (here() && state.running === null) $("running").hidden = true;
    }
    if (here()) drawSpectra();
  });
}

$("save-csv").addEventListener("click", () => {
  const text = rows().map((cells) => cells.join(",")).join("\n");
  keep(new Blob([`${text}\n`], { type: "text/csv" }), `${state.scene.cube}.spectra.csv`);
});
$("save-chart").addEventListener("click", () => trying(async () => {
  const light = { text: "#111", line: "#ccc", ground: "#fff" };
  const { svg } = drawChart(null, series(), places(), chartWords(), light, { width: 900, height: 480 });
  keep(await chartBlob(svg), `${state.scene.cube}.spectra.png`);
}));

$("region-means").addEventListener("change", drawSpectra);
$("shape-only").addEventListener("change", drawSpectra);
$("group-means").addEventListener("change", () => {
  if ($("group-means").checked && state.map === null) say("There is no saliency map yet: run a detector");
  showMeans();
});
$("pixel-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const spot = [Number($("pixel-row").value), Number($("pixel-column").value)];
  pick(spot);
  view.reveal(spot);
});
$("clear").addEventListener("click", () => { state.pins = []; drawSpectra(); say("All spectra are removed"); });
$("table-box").addEventListener("toggle", () => { if ($("table-box").open && state.scene) fillTable(); });
new ResizeObserver(() => drawSpectra()).observe($("chart"));
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawSpectra());
