// The chart of spectra, as SVG: axes with units, gaps where bands are missing, a line to read values at.

const NAME = "http://www.w3.org/2000/svg";
const MARGIN = { top: 12, right: 14, bottom: 42, left: 68 };

/** Round numbers within a range, about as many as are wanted. */
export function ticks(low, high, wanted) {
  if (!(high > low)) return [low];
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= rough * 0.999);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i += 1) found.push(Number((i * step).toPrecision(12)));
  return found;
}

export function short(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e6 || size < 1e-3)) return value.toExponential(2);
  return String(Number(value.toPrecision(5)));
}

/**
 * Draw spectra.
 *   box      the element to fill
 *   series   [{name, colour, dash, width, values: [number or null, ...]}]
 *   places   wavelengths, or band numbers
 *   labels   {x, y, title}
 *   ink      {text, line, ground}
 * Returns {svg, place(event): number of the nearest band or null, mark(band)}.
 */
export function drawChart(box, series, places, labels, ink, size) {
  const width = size?.width ?? Math.max(260, box.clientWidth);
  const height = size?.height ?? Math.max(160, box.clientHeight);
  const svg = element("svg", { xmlns: NAME, viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": labels.title,
    "font-family": "system-ui, sans-serif", "font-size": 12 });
  if (ink.ground) svg.append(element("rect", { width, height, fill: ink.ground }));
  const all = series.flatMap((one) => one.values).filter((value) => value !== null);
  let [low, high] = all.length ? [Math.min(...all), Math.max(...all)] : [0, 1];
  if (low === high) [low, high] = [low - 1, high + 1];
  const pad = (high - low) * 0.06;
  low = low >= 0 && low < (high - low) * 0.5 ? 0 : low - pad;
  high += pad;
  const ends = places.length > 1 ? [places[0], places.at(-1)] : [places[0] - 1, places[0] + 1];
  const x = (value) => MARGIN.left + ((value - ends[0]) / (ends[1] - ends[0])) * (width - MARGIN.left - MARGIN.right);
  const y = (value) => height - MARGIN.bottom - ((value - low) / (high - low)) * (height - MARGIN.top - MARGIN.bottom);

  const text = (content, attributes) => {
    const made = element("text", { fill: ink.text, ...attributes });
    made.textContent = content;
    svg.append(made);
  };
  const line = (x1, y1, x2, y2) => svg.append(element("line", { x1, y1, x2, y2, stroke: ink.line }));
  for (const value of ticks(low, high, height / 45)) {
    line(MARGIN.left, y(value), width - MARGIN.right, y(value));
    text(short(value), { x: MARGIN.left - 6, y: y(value) + 4, "text-anchor": "end" });
  }
  for (const value of ticks(ends[0], ends[1], width / 90)) {
    line(x(value), height - MARGIN.bottom, x(value), height - MARGIN.bottom + 5);
    text(short(value), { x: x(value), y: height - MARGIN.bottom + 18, "text-anchor": "middle" });
  }
  text(labels.x, { x: (MARGIN.left + width - MARGIN.right) / 2, y: height - 6, "text-anchor": "middle" });
  text(labels.y, { x: 13, y: (MARGIN.top + height - MARGIN.bottom) / 2, "text-anchor": "middle",
    transform: `rotate(-90 13 ${(MARGIN.top + height - MARGIN.bottom) / 2})` });

  const breaks = gaps(places);
  for (const one of series) {
    let path = "";
    let drawing = false;
    one.values.forEach((value, band) => {
      if (value === null || breaks.has(band)) drawing = false;
      if (value === null) return;
      path += `${drawing ? "L" : "M"}${x(places[band]).toFixed(1)} ${y(value).toFixed(1)}`;
      drawing = true;
    });
    svg.append(element("path", { d: path, fill: "none", stroke: one.colour, "stroke-width": one.width ?? 1.8,
      "stroke-dasharray": one.dash ?? "none", "stroke-linejoin": "round", "data-name": one.name }));
  }
  if (!series.length) text(labels.empty, { x: width / 2, y: height / 2, "text-anchor": "middle" });
  const pointer = element("line", { y1: MARGIN.top, y2: height - MARGIN.bottom, stroke: ink.text, "stroke-dasharray": "2 3", visibility: "hidden" });
  svg.append(pointer);
  box?.replaceChildren(svg);
  return {
    svg,
    place(event) {
      const frame = svg.getBoundingClientRect();
      const at = ((event.clientX - frame.left) * width) / frame.width;
      if (at < MARGIN.left - 8 || at > width - MARGIN.right + 8) return null;
      return places.reduce((best, value, band) => (Math.abs(x(value) - at) < Math.abs(x(places[best]) - at) ? band : best), 0);
    },
    mark(band) {
      pointer.setAttribute("visibility", band === null ? "hidden" : "visible");
      if (band === null) return;
      pointer.setAttribute("x1", x(places[band]));
      pointer.setAttribute("x2", x(places[band]));
    },
  };
}

/** Bands before which the line breaks: bands were left out there. */
function gaps(places) {
  const steps = places.slice(1).map((value, i) => value - places[i]);
  const usual = [...steps].sort((a, b) => a - b)[Math.floor(steps.length / 2)];
  return new Set(steps.flatMap((step, i) => (step > 4 * usual ? [i + 1] : [])));
}

function element(name, attributes) {
  const made = document.createElementNS(NAME, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

/** A chart as a PNG, twice as fine as it is on the page. */
export async function chartBlob(svg) {
  const [width, height] = [Number(svg.getAttribute("width")), Number(svg.getAttribute("height"))];
  const address = URL.createObjectURL(new Blob([new XMLSerializer().serializeToString(svg)], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = address;
    await image.decode();
    const canvas = new OffscreenCanvas(width * 2, height * 2);
    canvas.getContext("2d").drawImage(image, 0, 0, width * 2, height * 2);
    return await canvas.convertToBlob({ type: "image/png" });
  } finally {
    URL.revokeObjectURL(address);
  }
}
