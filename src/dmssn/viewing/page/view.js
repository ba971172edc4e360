// The page: scenes, what is shown of them, detectors, scores, files to keep, keys.

import { COLOURS, HEAT } from "./picture.js";
import { $, ask, askJson, complain, keep, networkMap, progress, say, scenePath, state, stop, trying, view, work } from "./page.js";
import { short } from "./chart.js";
import { drawSpectra, pick, readPins, remove, showMeans } from "./spectra.js";

// The picture.

view.addEventListener("pick", (event) => pick(event.detail));
view.addEventListener("hover", (event) => tellPlace(event.detail));
view.addEventListener("drawn", () => {
  const percent = view.scene ? (view.scale / (window.devicePixelRatio || 1)) * 100 : 100;
  $("zoomed").textContent = view.scene ? `${percent >= 10 ? Math.round(percent) : percent.toPrecision(2)} %` : "";
});
view.addEventListener("lost", (event) => {
  // The server keeps only what was used of late: it is drawn again.
  const { layer, error } = event.detail;
  if (error.status === 404 && layer === view.base) showBase();
  else complain(error);
});

function tellPlace(spot) {
  $("where").textContent = spot ? `row ${spot[0]}, column ${spot[1]}` : "Click a pixel for its spectrum.";
}

/** The name of what lies under, as the server has it; null while it cannot be had. */
function baseName() {
  if (state.base === "band") return `band-${$("band").value}`;
  if (state.base === "bands") return `bands-${["red", "green", "blue"].map((id) => Number($(id).value)).join("-")}`;
  if (state.base === "regions" && state.scene.prepared) return "regions";
  return state.base;
}

let baseAsked = 0;

async function showBase() {
  baseAsked += 1;
  const mine = baseAsked;
  const name = baseName();
  await trying(async (here) => {
    if (name === "code" || (name === "regions" && !state.scene.prepared)) {
      const from = networkMap();
      view.show("base", { ...state.maps.get(from).layers[name], name: `${name}-${from}` });
      return;
    }
    const told = progress($("work"), $("doing"), $("share"));
    const late = setTimeout(() => here() && mine === baseAsked && told("reading the cube", null), 250);
    try {
      const only = name.startsWith("band") ? "bands" : null;
      const made = await work("layer", { name, only, told: (...how) => here() && mine === baseAsked && told(...how) });
      if (here() && mine === baseAsked && made) view.show("base", { ...made.layer, name });
    } finally {
      clearTimeout(late);
      if (mine === baseAsked) $("work").hidden = true;
    }
  });
}

/** A band at once but coarse, while its slider moves. */
async function previewBand() {
  const band = Number($("band").value);
  nameBand();
  const name = `preview-${band}`;
  try {
    const bitmap = await createImageBitmap(await (await ask(scenePath(`/preview?band=${band}`))).blob());
    if (band !== Number($("band").value) || state.base !== "band" || view.base?.name === `band-${band}`) return;
    const layer = { name, height: bitmap.height, width: bitmap.width, levels: 1, side: 512, picture: true };
    view.tiles.set(`${name}/0/0/0`, { content: { bitmap } });
    view.show("base", layer);
  } catch {
    // The band itself is on its way.
  }
}

function bandText(band) {
  const nm = state.scene.wavelengths?.[band];
  return nm === undefined ? `${band}` : `${band} · ${short(nm)} nm`;
}

function nameBand() {
  const band = Number($("band").value);
  $("band-name").textContent = `${bandText(band)} (of ${state.scene.bands})`;
  $("band").setAttribute("aria-valuetext", `band ${bandText(band)}`);
}

function nameBands() {
  $("bands-name").textContent = ["red", "green", "blue"].map((id) => bandText(Number($(id).value))).join(", ");
}

function showKey() {
  const items = [];
  if (state.map && view.options.overlay === "heat") {
    items.push([`linear-gradient(90deg, ${HEAT.map((colour) => `rgb(${colour})`)})`, "saliency 0 to 1"]);
  }
  if (state.map && view.options.overlay === "agreement") {
    items.push([COLOURS.hit, "hit"], [COLOURS.missed, "missed"], [COLOURS.wrong, "false alarm"]);
  }
  if (state.map && view.options.contour) items.push([COLOURS.contour, "contour at the threshold"]);
  if (view.truth && view.options.mask) items.push([COLOURS.mask, "mask"]);
  $("key-of-colours").replaceChildren(...items.map(([colour, words]) => {
    const item = document.createElement("li");
    const swatch = document.createElement("span");
    swatch.className = "swatch";
    swatch.style.background = colour;
    item.append(swatch, words);
    return item;
  }));
}

// Scenes.

async function start() {
  await trying(async () => {
    const told = await askJson("api/start");
    state.scenes = told.scenes;
    state.detectors = told.detectors;
    $("title").textContent = told.title;
    document.title = `${told.title} · dmssn view`;
    $("filter").hidden = told.scenes.length < 10;
    listScenes();
    if (told.more) complain(new Error(`only the first ${told.scenes.length} scenes are listed; start the viewer on a folder below`));
    if (!told.scenes.length) throw new Error("there is no scene any more where the viewer was started");
    const wanted = location.hash.slice(1);
    const first = told.scenes.find((scene) => scene.id === wanted) ?? told.scenes[0];
    if (state.scene?.id !== first.id) await openScene(first.id);
  });
}

function listScenes() {
  const sought = $("filter").value.toLowerCase();
  const found = state.scenes.filter((scene) => scene.name.toLowerCase().includes(sought));
  $("scene").replaceChildren(...found.map((scene) => new Option(scene.name, scene.id)));
  if (state.scene) $("scene").value = state.scene.id;
  $("previous").hidden = $("next").hidden = state.scenes.length < 2;
  if ($("filter").value) say(`${found.length} scenes`);
}

function neighbour(step) {
  const options = [...$("scene").options];
  const at = options.findIndex((option) => option.value === state.scene?.id);
  const next = options[(at + step + options.length) % options.length];
  if (next) openScene(next.value);
}

async function openScene(id) {
  state.generation += 1;
  Object.assign(state, { scene: null, maps: new Map(), map: null, pins: [], count: 0, means: null, judged: null, running: null });
  view.clear();
  complain(null);
  document.querySelector("main").inert = true; // nothing to act on until the scene is there
  for (const box of ["work", "running", "unpacking", "scores-box", "stop"]) $(box).hidden = true;
  await trying(async (here) => {
    $("scene").value = id;
    const facts = await askJson(`api/scenes/${id}`);
    if (!here()) return;
    state.scene = facts;
    document.querySelector("main").inert = false;
    history.replaceState(null, "", `#${id}`);
    $("scene").value = id;
    $("stage").setAttribute("aria-label", `Picture of ${facts.name}, ${facts.height} rows, ${facts.width} columns, ${facts.bands} bands`);
    view.open({ height: facts.height, width: facts.width });
    fillControls();
    drawSpectra();
    chooseMap(null);
    say(`${facts.name} is opened`);
    await Promise.all([showBase(), showTruth(), showSaved(), unpack()]);
  });
}

function fillControls() {
  const { bands, wavelengths, true_colour: natural, prepared } = state.scene;
  state.base = "colour";
  document.querySelector("input[name=base][value=colour]").checked = true;
  $("colour-name").textContent = natural ? "True colour" : "False colour";
  $("band-choice").hidden = $("bands-choice").hidden = true;
  $("band").max = bands - 1;
  $("band").value = Math.floor(bands / 2);
  const near = (nm) => wavelengths.reduce((best, value, i) => (Math.abs(value - nm) < Math.abs(wavelengths[best] - nm) ? i : best), 0);
  const three = natural ? [640, 550, 460].map(near) : [0.85, 0.5, 0.15].map((part) => Math.round((bands - 1) * part));
  ["red", "green", "blue"].forEach((id, i) => Object.assign($(id), { max: bands - 1, value: three[i] }));
  nameBand();
  nameBands();
  $("pixel-row").max = state.scene.height - 1;
  $("pixel-column").max = state.scene.width - 1;
  $("mask-choice").hidden = !state.scene.mask;
  $("mask-name").textContent = state.scene.mask ? `(${state.scene.mask})` : "";
  $("mask").checked = false;
  $("agreement-choice").hidden = true;
  document.querySelector("input[name=overlay][value=heat]").checked = true;
  view.set({ mask: false, overlay: "heat" });
  allowRegions();
  fillDetectors();
  const facts = [
    ["Size", `${state.scene.height} rows × ${state.scene.width} columns × ${bands} bands`],
    ["Wavelengths", wavelengths ? `${short(wavelengths[0])} to ${short(wavelengths.at(-1))} nm` : "not known"],
    ["Mask", state.scene.mask ?? "none found"],
    ...state.scene.notes.map((note) => [prepared ? "Prepared" : "Reader", note]),
  ];
  $("facts").replaceChildren(...facts.flatMap(([term, text]) => {
    const [name, value] = [document.createElement("dt"), document.createElement("dd")];
    name.textContent = term;
    value.textContent = text;
    return [name, value];
  }));
}

function allowRegions() {
  const network = networkMap() !== null;
  const allowed = { regions: network || state.scene.prepared, code: network };
  for (const [kind, may] of Object.entries(allowed)) document.querySelector(`input[name=base][value=${kind}]`).disabled = !may;
  $("base-hint").hidden = network;
}

async function showTruth() {
  if (!state.scene.mask) return;
  await trying(async (here) => {
    const made = await work("layer", { name: "mask" });
    if (here() && made) view.show("truth", { ...made.layer, name: "mask" });
  });
}

async function showSaved() {
  for (const id of [...Object.keys(state.scene.maps), ...state.scene.made]) {
    await trying(async (here) => {
      const map = await work("saved", { name: id });
      if (!here() || !map) return;
      state.maps.set(id, map);
      if (!state.map) chooseMap(id);
    });
  }
}

async function unpack() {
  if (state.scene.spectra === "now") return;
  await trying(async (here) => {
    const told = progress($("unpacking"), null, $("unpacked"));
    try {
      await work("spectra", { told: (...how) => here() && told(...how) });
    } finally {
      if (here()) $("unpacking").hidden = true;
    }
    if (!here()) return;
    state.scene.spectra = "now";
    await readPins();
  });
}

// Detectors and maps.

function fillDetectors() {
  const group = (label, options) => {
    const box = document.createElement("optgroup");
    box.label = label;
    box.append(...options);
    return box;
  };
  const option = ({ id, name }) => new Option(state.maps.has(id) ? `${name} ✓` : name, id);
  const files = Object.entries(state.scene.maps).map(([id, name]) => option({ id, name }));
  const of = (kind) => state.detectors.filter((one) => one.kind === kind).map(option);
  const chosen = $("detector").value;
  $("detector").replaceChildren(group("Trained networks", of("network")), group("Classical, without training", of("classical")));
  if (files.length) $("detector").prepend(group("Maps in files", files));
  $("detector").value = state.map ?? (state.detectors.some((one) => one.id === chosen) ? chosen : state.detectors[0].id);
  describeDetector();
}

function describeDetector() {
  const id = $("detector").value;
  $("detector-title").textContent = state.detectors.find((one) => one.id === id)?.title ?? "a saliency map that was found beside the cube";
  $("run").disabled = id.startsWith("f") || state.running !== null;
  $("run").textContent = state.maps.has(id) && id.startsWith("d") ? "Run again" : "Run";
}

async function run() {
  const id = $("detector").value;
  await trying(async (here) => {
    const told = progress($("running"), $("running-doing"), $("running-share"));
    state.running = id;
    complain(null);
    describeDetector();
    $("stop").hidden = false;
    told("waiting", null);
    say("The detector runs");
    try {
      const map = await work("detect", {
        name: id,
        told: (...how) => here() && told(...how),
        started: (job) => { $("stop").onclick = () => stop(job); },
      });
      if (!here()) return;
      if (!map) { say("The detector was stopped"); return; }
      state.maps.set(id, map);
      for (const kind of ["saliency", "regions", "code"]) view.renew(`${kind}-${id}`);
      state.running = null;
      chooseMap(id);
      await readPins();
    } finally {
      if (here()) {
        state.running = null;
        $("running").hidden = $("stop").hidden = true;
        describeDetector();
      }
    }
  });
}

/** Show a map; null for none. */
function chooseMap(id) {
  state.map = id;
  state.means = state.judged = null;
  const map = id === null ? null : state.maps.get(id);
  view.show("saliency", map ? { ...map.layers.saliency, name: `saliency-${id}` } : null);
  $("map-controls").hidden = !map;
  $("agreement-choice").hidden = !map || !state.scene.mask;
  for (const link of document.querySelectorAll(".needs-map")) link.hidden = !map;
  $("scores-box").hidden = true;
  allowRegions();
  fillDetectors();
  const said = map ? [...map.said, ...(map.regions ? [`${map.regions} regions`] : []), ...(map.seconds ? [`${map.seconds < 10 ? map.seconds.toFixed(1) : Math.round(map.seconds)} s`] : [])] : [];
  $("said").replaceChildren(...said.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  if (map && (state.base === "code" || (state.base === "regions" && !state.scene.prepared))) showBase();
  moveThreshold();
  showKey();
  if (!map) return;
  say(`Saliency map of ${map.name} is shown; ${$("threshold-said").textContent}`);
  if (state.scene.mask) judge(id);
  showMeans();
}

async function judge(id) {
  await trying(async (here) => {
    const judged = await work("metrics", { name: id });
    if (!here() || state.map !== id || !judged) return;
    state.judged = judged;
    $("scores-box").hidden = false;
    const rows = judged.metrics.map(({ heading, low, value, name }) => {
      const row = document.createElement("tr");
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = `${heading}${low ? " (low is good)" : ""}`;
      head.title = name.replaceAll("_", " ");
      const cell = document.createElement("td");
      cell.textContent = value === null ? "undefined" : value.toFixed(3);
      row.append(head, cell);
      return row;
    });
    $("scores").replaceChildren(...rows);
    $("scoring").textContent = judged.scoring.join(" ");
    scoreAtThreshold();
  });
}

/** Of values at evenly spaced thresholds from 0 to 1 that of the threshold. */
const atThreshold = (values) => values[Math.round(view.options.threshold * (values.length - 1))];

function scoreAtThreshold() {
  if (!state.judged) return;
  const [precision, recall] = [atThreshold(state.judged.precision), atThreshold(state.judged.recall)];
  const sum = precision + recall;
  $("at-threshold").textContent = recall === null ? "The mask has no salient pixel." :
    precision === null ? "At the threshold: nothing is salient, precision undefined, recall 0.000" : `At the threshold: precision ${precision.toFixed(3)}, recall ${recall.toFixed(3)}, F1 ${(sum ? (2 * precision * recall) / sum : 0).toFixed(3)}`;
}

function moveThreshold() {
  const threshold = Number($("threshold").value);
  view.set({ threshold });
  const map = state.map === null ? null : state.maps.get(state.map);
  let words = threshold.toFixed(3);
  if (map) {
    const share = (atThreshold(map.above) / map.above[0]) * 100;
    words += ` · ${Number(share.toPrecision(2))} % of the scene`;
    drawHistogram(map.histogram, threshold);
  }
  $("threshold-said").textContent = words;
  $("threshold").setAttribute("aria-valuetext", words);
  scoreAtThreshold();
  linkFiles();
}

function drawHistogram(counts, threshold) {
  const most = Math.log1p(Math.max(...counts));
  const bars = Array.from({ length: 64 }, (_, i) => {
    const count = counts.slice(4 * i, 4 * i + 4).reduce((sum, one) => sum + one, 0);
    const height = count ? Math.max(1, Math.min(32, (Math.log1p(count / 4) / most) * 32)) : 0;
    const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [key, value] of Object.entries({ x: 4 * i, y: 32 - height, width: 3.6, height })) bar.setAttribute(key, value);
    if ((4 * i + 2) / 256 >= threshold) bar.classList.add("in");
    return bar;
  });
  $("histogram").replaceChildren(...bars);
}

function linkFiles() {
  if (state.map === null) return;
  const kinds = { "save-saliency": "saliency.png", "save-mask": "mask.png", "save-overlay": "overlay.png", "save-objects": "objects.csv" };
  for (const [id, kind] of Object.entries(kinds)) {
    $(id).href = scenePath(`/files/${kind}?map=${state.map}&threshold=${view.options.threshold}`);
    $(id).download = `${state.scene.cube}.${kind}`;
  }
}

// What people do.

$("save-view").addEventListener("click", () => $("stage").toBlob((blob) => keep(blob, `${state.scene.cube}.view.png`)));
$("scene").addEventListener("change", (event) => openScene(event.target.value));
$("filter").addEventListener("input", listScenes);
$("previous").addEventListener("click", () => neighbour(-1));
$("next").addEventListener("click", () => neighbour(1));
$("again").addEventListener("click", start);
document.addEventListener("changed", async () => {
  if (!state.scene) return;
  const { id, name } = state.scene;
  await openScene(id);
  if (state.scene) complain(new Error(`${name} was written anew, and is shown as it is now`));
});
$("run").addEventListener("click", run);
$("detector").addEventListener("change", () => {
  const id = $("detector").value;
  if (state.maps.has(id)) {
    chooseMap(id);
    readPins();
  }
  describeDetector();
});
$("zoom-in").addEventListener("click", () => view.zoom(1.5));
$("zoom-out").addEventListener("click", () => view.zoom(1 / 1.5));
$("zoom-fit").addEventListener("click", () => view.fit());
$("zoom-full").addEventListener("click", () => view.zoom(1 / view.scale));

for (const input of document.querySelectorAll("input[name=base]")) {
  input.addEventListener("change", () => {
    state.base = input.value;
    $("band-choice").hidden = state.base !== "band";
    $("bands-choice").hidden = state.base !== "bands";
    showBase();
  });
}
let settling;
function chooseBand() {
  previewBand();
  clearTimeout(settling);
  settling = setTimeout(showBase, 200);
}
$("band").addEventListener("input", chooseBand);
for (const id of ["red", "green", "blue"]) {
  $(id).addEventListener("change", () => {
    const most = state.scene.bands - 1;
    $(id).value = Math.min(most, Math.max(0, Math.round(Number($(id).value) || 0)));
    nameBands();
    showBase();
  });
}
for (const input of document.querySelectorAll("input[name=overlay]")) {
  input.addEventListener("change", () => { view.set({ overlay: input.value }); showKey(); });
}
function setStrength() {
  const strength = Number($("strength").value);
  $("strength-said").textContent = `${Math.round(strength * 100)} %`;
  view.set({ strength });
}
$("strength").addEventListener("input", setStrength);
$("threshold").addEventListener("input", moveThreshold);
$("threshold").addEventListener("change", showMeans);
$("contour").addEventListener("change", () => { view.set({ contour: $("contour").checked }); showKey(); });
$("mask").addEventListener("change", () => { view.set({ mask: $("mask").checked }); showKey(); });

$("stage").addEventListener("keydown", (event) => {
  if (!state.scene || event.ctrlKey || event.metaKey || event.altKey) return;
  const step = event.shiftKey ? 10 : 1;
  const moves = { ArrowUp: [-step, 0], ArrowDown: [step, 0], ArrowLeft: [0, -step], ArrowRight: [0, step] };
  const slide = (id, by) => {
    $(id).value = Number($(id).value) + by;
    $(id).dispatchEvent(new Event("input"));
    $(id).dispatchEvent(new Event("change"));
  };
  if (moves[event.key]) {
    const { height, width } = state.scene;
    const from = view.cursor ?? [Math.floor(height / 2), Math.floor(width / 2)];
    const limits = [height - 1, width - 1];
    view.cursor = from.map((value, i) => Math.min(limits[i], Math.max(0, value + moves[event.key][i])));
    view.reveal(view.cursor);
    view.redraw();
    tellPlace(view.cursor);
    say(`row ${view.cursor[0]}, column ${view.cursor[1]}`);
  } else if (event.key === "Enter" || event.key === " ") {
    if (view.cursor) pick(view.cursor);
  } else if (event.key === "+" || event.key === "=") view.zoom(1.5);
  else if (event.key === "-") view.zoom(1 / 1.5);
  else if (event.key === "0") view.fit();
  else if (event.key === "1") view.zoom(1 / view.scale);
  else if (event.key === "[" || event.key === "]") slide("threshold", event.key === "[" ? -0.01 : 0.01);
  else if (event.key === "," || event.key === ".") {
    if (state.base !== "band") document.querySelector("input[name=base][value=band]").click();
    slide("band", event.key === "," ? -1 : 1);
  } else if (event.key === "Backspace") { if (state.pins.length) remove(state.pins.at(-1)); }
  else return;
  event.preventDefault();
});
$("stage").addEventListener("blur", () => { view.cursor = null; view.redraw(); });

setStrength();
start();
