// What all parts of the page share: the scene that is looked at, the picture, the server, messages.

import { PictureView } from "./picture.js";

export const $ = (id) => document.getElementById(id);

export const state = {
  scenes: [], detectors: [], scene: null, base: "colour", maps: new Map(), map: null, pins: [], count: 0,
  means: null, judged: null, running: null, generation: 0, chart: null,
};

// The server.

export async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("the viewer does not answer; was it ended in the terminal?");
  }
  if (response.ok) return response;
  const told = await response.json().catch(() => ({}));
  throw Object.assign(new Error(told.error ?? `error ${response.status}`), { status: response.status });
}

export const askJson = async (path, options) => (await ask(path, options)).json();
export const scenePath = (rest = "") => `api/scenes/${state.scene.id}${rest}`;
const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** Have the server do something that takes a while; promises its result. */
export async function work(task, { name = "", threshold = 0.5, told = () => {}, started = () => {} } = {}) {
  const body = JSON.stringify({ task, name, threshold });
  let job = await askJson(scenePath("/jobs"), { method: "POST", body, headers: { "content-type": "application/json" } });
  started(job.id);
  for (let pause = 60; job.state === "waiting" || job.state === "running"; pause = Math.min(500, pause * 1.4)) {
    told(job.doing, job.share);
    await wait(pause);
    job = await askJson(`api/jobs/${job.id}`);
  }
  if (job.state === "failed") throw new Error(job.error);
  return job.state === "done" ? job.result : null;
}

export function progress(box, doing, bar) {
  return (what, share) => {
    box.hidden = false;
    if (doing) doing.textContent = what;
    if (share === null) bar.removeAttribute("value");
    else bar.value = share;
  };
}

export function say(words) {
  $("status").textContent = words;
}

export function complain(error) {
  $("error").hidden = !error;
  $("error").textContent = error ? error.message : "";
}

/** Run something that may fail, and tell if it does; nothing is told of a scene that was left. */
export async function trying(act) {
  const generation = state.generation;
  try {
    await act(() => generation === state.generation);
  } catch (error) {
    if (generation === state.generation) complain(error);
  }
}

export const view = new PictureView($("stage"), (layer, level, row, column) =>
  ask(scenePath(`/tiles/${layer}/${level}/${row}/${column}`)));

/** The map whose regions and code are shown: the one that is looked at if it has some; null for none. */
export function networkMap() {
  if (state.map && state.maps.get(state.map)?.layers.regions) return state.map;
  return [...state.maps].find(([, map]) => map.layers.regions)?.[0] ?? null;
}

/** Have the browser keep something as a file. */
export function keep(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
