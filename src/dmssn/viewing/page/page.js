// What all parts of the page share: the scene that is looked at, the picture, the server, messages.

import { PictureView } from "./picture.js";

export const $ = (id) => document.getElementById(id);

export const state = {
  scenes: [], detectors: [], scene: null, base: "colour", maps: new Map(), map: null, pins: [], count: 0,
  means: null, judged: null, running: null, generation: 0, chart: null,
};

// The server.

export async function ask(path, options = {}) {
  let response;
  // What the page shows is of the files as they were when the scene was opened.
  const headers = { ...options.headers, ...(state.scene && path.startsWith(scenePath()) ? { "as-of": state.scene.opened } : {}) };
  try {
    response = await fetch(path, { ...options, headers });
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

const stopped = new Set(); // jobs this page stopped
const latest = new Map(); // jobs of which only the last counts, by what they are for

/** End a job; one that has ended, or is not known any more, is no matter. */
export async function stop(job) {
  stopped.add(job);
  await ask(`api/jobs/${job}`, { method: "DELETE" }).catch(() => {});
}

/**
 * Have the server do something that takes a while; promises its result, null if it was stopped.
 *   told     called with what it does and how far it is
 *   started  called with the job
 *   only     what the job is for, of which there is one at a time: the one before is stopped
 * A scene that is left needs its jobs no more.
 */
export async function work(task, options = {}) {
  const { name = "", threshold = 0.5, told = () => {}, started = () => {}, only = null } = options;
  const { generation } = state;
  const body = JSON.stringify({ task, name, threshold });
  if (latest.has(only)) await stop(latest.get(only));
  if (generation !== state.generation) return null;
  let job = await askJson(scenePath("/jobs"), { method: "POST", body, headers: { "content-type": "application/json" } });
  started(job.id);
  if (only) latest.set(only, job.id);
  for (let pause = 60; job.state === "waiting" || job.state === "running"; pause = Math.min(500, pause * 1.4)) {
    told(job.doing, job.share);
    await wait(pause);
    if (generation !== state.generation) {
      await stop(job.id);
      return null;
    }
    job = await askJson(`api/jobs/${job.id}`);
  }
  if (only && latest.get(only) === job.id) latest.delete(only);
  if (job.state === "failed") throw new Error(job.error);
  // Another page that shows the scene shared the job, and was closed or left.
  if (job.state === "stopped" && !stopped.has(job.id)) return work(task, options);
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
  if (error?.status === 410) document.dispatchEvent(new Event("changed"));
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
