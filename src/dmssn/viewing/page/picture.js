// The picture: tiles of layers over one another, zoomed and moved, with contours and markers.
// "Layer" is what the server calls a picture of the scene; a "spot" is a pixel [row, column].

// As in the files that are saved.
export const HEAT = [[0, 0, 64], [120, 0, 140], [220, 40, 60], [255, 150, 0], [255, 245, 120]];
export const COLOURS = {
  contour: "#00ffff", mask: "#ff5cf4", hit: "#009e73", missed: "#56b4e9", wrong: "#d55e00", unknown: "#808080",
};
const MOST_TILES = 128; // kept, of 1 MB each
const IN_FLIGHT = 6;
const LARGEST = 64; // device pixels for one of the scene
const MASK_FROM = 200; // of 255: salient; 128 is not known

const ramp = Array.from({ length: 256 }, (_, level) => {
  const at = (level / 255) * (HEAT.length - 1);
  const low = Math.min(Math.floor(at), HEAT.length - 2);
  return HEAT[low].map((value, i) => Math.round(value + (at - low) * (HEAT[low + 1][i] - value)));
});
const parts = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

/** A canvas that shows one scene. `load(layer, level, row, column)` promises a tile's response. */
export class PictureView extends EventTarget {
  constructor(canvas, load) {
    super();
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.load = load;
    this.options = { overlay: "heat", strength: 0.65, threshold: 0.5, contour: true, mask: false };
    this.clear();
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.listen();
  }

  /** Forget the scene. */
  clear() {
    this.scene = this.base = this.saliency = this.truth = null;
    this.tiles = new Map();
    this.generation = (this.generation ?? 0) + 1;
    this.flying = 0;
    this.pins = [];
    this.cursor = null;
    this.redraw();
  }

  /** Show a scene of height x width pixels, all of it. */
  open(scene) {
    this.clear();
    this.scene = scene;
    this.fit();
  }

  set(changes) {
    Object.assign(this.options, changes);
    this.redraw();
  }

  /** What lies under: {name, height, width, levels, side, picture, bytes}; null for nothing. */
  show(slot, layer) {
    this[slot] = layer;
    if (layer) for (const [key, tile] of this.tiles) if (tile.failed && key.startsWith(`${layer.name}/`)) this.tiles.delete(key);
    this.redraw();
  }

  /** Forget the tiles of a layer that was made anew. */
  renew(name) {
    for (const key of this.tiles.keys()) if (key.startsWith(`${name}/`)) this.tiles.delete(key);
    this.redraw();
  }

  // Where things are: device pixel = offset + scale * pixel of the scene.

  resize() {
    const ratio = window.devicePixelRatio || 1;
    const { clientWidth, clientHeight } = this.canvas;
    const before = [this.canvas.width, this.canvas.height];
    this.canvas.width = Math.max(1, Math.round(clientWidth * ratio));
    this.canvas.height = Math.max(1, Math.round(clientHeight * ratio));
    if (!this.scene) return;
    if (this.fitted) this.fit();
    else this.moveBy((this.canvas.width - before[0]) / 2, (this.canvas.height - before[1]) / 2);
    this.redraw();
  }

  fit() {
    if (!this.scene) return;
    const { width, height } = this.canvas;
    this.scale = Math.min(width / this.scene.width, height / this.scene.height, LARGEST);
    this.offset = [(width - this.scale * this.scene.width) / 2, (height - this.scale * this.scene.height) / 2];
    this.fitted = true;
    this.redraw();
  }

  /** Zoom by a factor about a place on the canvas, its middle when left out. */
  zoom(factor, place = [this.canvas.width / 2, this.canvas.height / 2]) {
    if (!this.scene) return;
    const least = Math.min(1, this.canvas.width / this.scene.width, this.canvas.height / this.scene.height) / 2;
    const scale = Math.min(LARGEST, Math.max(least, this.scale * factor));
    this.offset = this.offset.map((value, i) => place[i] - ((place[i] - value) * scale) / this.scale);
    this.scale = scale;
    this.fitted = false;
    this.moveBy(0, 0);
  }

  moveBy(right, down) {
    // Some of the scene stays in view.
    const size = [this.scene.width * this.scale, this.scene.height * this.scale];
    const view = [this.canvas.width, this.canvas.height];
    this.offset = [right, down].map((by, i) => Math.min(view[i] - 40, Math.max(40 - size[i], this.offset[i] + by)));
    if (right || down) this.fitted = false;
    this.redraw();
  }

  spotAt(place) {
    const [column, row] = place.map((value, i) => Math.floor((value - this.offset[i]) / this.scale));
    const inside = row >= 0 && column >= 0 && row < this.scene.height && column < this.scene.width;
    return inside ? [row, column] : null;
  }

  /** Bring a spot into view. */
  reveal([row, column]) {
    const place = [column, row].map((value, i) => this.offset[i] + (value + 0.5) * this.scale);
    const view = [this.canvas.width, this.canvas.height];
    const by = place.map((value, i) => Math.min(view[i] - 30, Math.max(30, value)) - value);
    if (by[0] || by[1]) this.moveBy(...by);
  }

  // Tiles.

  tile(layer, level, row, column) {
    const key = `${layer.name}/${level}/${row}/${column}`;
    const known = this.tiles.get(key);
    if (known) {
      this.tiles.delete(key); // to the end: the longest unused are first
      this.tiles.set(key, known);
      known.drawn = this.drawing;
      if (known.content) return known.content;
    }
    if (!known) this.wanted.push({ key, layer, level, row, column });
    return null;
  }

  fetchTiles() {
    // What was asked for last is in the middle of interest; the rest is asked for again if needed.
    while (this.flying < IN_FLIGHT && this.wanted.length) this.fetchTile(this.wanted.shift());
    for (const [key, tile] of this.tiles) {
      if (this.tiles.size <= MOST_TILES) break;
      if (tile.drawn !== this.drawing) this.tiles.delete(key);
    }
  }

  async fetchTile({ key, layer, level, row, column }) {
    if (this.tiles.has(key)) return; // asked for by another layer's drawing
    const generation = this.generation;
    const tile = { content: null, drawn: this.drawing };
    this.tiles.set(key, tile);
    this.flying += 1;
    try {
      const response = await this.load(layer.name, level, row, column);
      const content = layer.picture
        ? { bitmap: await createImageBitmap(await response.blob()) }
        : values(layer, level, row, column, await response.arrayBuffer());
      tile.content = content;
    } catch (error) {
      tile.failed = true;
      if (generation === this.generation) this.dispatchEvent(new CustomEvent("lost", { detail: { layer, error } }));
    }
    if (generation !== this.generation) return;
    this.flying -= 1;
    this.redraw();
  }

  // Drawing.

  redraw() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.draw();
    });
  }

  draw() {
    const { canvas, context } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!this.scene || !this.scale) return;
    this.wanted = [];
    this.drawing = (this.drawing ?? 0) + 1;
    const { overlay, strength, contour, mask, threshold } = this.options;
    const level = threshold * 65535;
    context.save();
    context.beginPath();
    context.rect(...this.box(0, 0, this.scene.height, this.scene.width));
    context.clip();
    if (this.base) this.drawLayer(this.base, (tile) => tile.bitmap);
    if (this.saliency && overlay === "heat") {
      context.globalAlpha = strength;
      this.drawLayer(this.saliency, (tile) => painted(tile, "heat", 0, heat));
    }
    if (this.saliency && this.truth && overlay === "agreement") {
      context.globalAlpha = strength;
      this.drawLayer(this.saliency, (tile) => this.agreement(tile, level));
    }
    context.globalAlpha = 1;
    if (this.truth && mask) {
      this.drawLayer(this.truth, (tile) => painted(tile, "unknown", 0, unknown));
      this.drawContour(this.truth, MASK_FROM, COLOURS.mask);
    }
    if (this.saliency && contour) this.drawContour(this.saliency, level, COLOURS.contour);
    context.restore();
    this.drawMarkers();
    canvas.dataset.drawn = this.wanted.length || this.flying ? "partly" : "whole";
    this.fetchTiles();
    this.dispatchEvent(new Event("drawn"));
  }

  /** Device pixels of a part of the scene, whole ones so that tiles meet: x, y, width, height. */
  box(top, left, bottom, right) {
    const [x0, x1] = [left, right].map((value) => Math.round(this.offset[0] + value * this.scale));
    const [y0, y1] = [top, bottom].map((value) => Math.round(this.offset[1] + value * this.scale));
    return [x0, y0, x1 - x0, y1 - y0];
  }

  /** Tiles of a layer that are in view, those in the middle first. */
  *tilesInView(layer, level) {
    const { height, width } = this.scene;
    const [down, right] = [height / layer.height, width / layer.width]; // scene pixels for one of the layer
    const step = layer.side * 2 ** level;
    const rows = Math.ceil(layer.height / step);
    const columns = Math.ceil(layer.width / step);
    const range = (i, size, unit, count) => {
      const first = Math.floor((-this.offset[i] / this.scale) / (step * unit));
      const last = Math.floor(((size - this.offset[i]) / this.scale) / (step * unit));
      return [Math.max(0, first), Math.min(count - 1, last)];
    };
    const [left, rightmost] = range(0, this.canvas.width, right, columns);
    const [top, bottom] = range(1, this.canvas.height, down, rows);
    const found = [];
    for (let row = top; row <= bottom; row += 1) for (let column = left; column <= rightmost; column += 1) found.push([row, column]);
    const middle = [(top + bottom) / 2, (left + rightmost) / 2];
    const far = ([row, column]) => Math.hypot(row - middle[0], column - middle[1]);
    yield* found.sort((a, b) => far(a) - far(b));
  }

  levelOf(layer) {
    const pixels = this.scene.width / layer.width * this.scale; // device pixels for one of the layer
    return Math.max(0, Math.min(layer.levels - 1, Math.floor(Math.log2(1 / pixels) + 0.001)));
  }

  drawLayer(layer, picture) {
    const level = this.levelOf(layer);
    const coarsest = layer.levels - 1;
    const { context } = this;
    const unit = [this.scene.height / layer.height, this.scene.width / layer.width];
    context.imageSmoothingEnabled = unit[1] * this.scale < 1;
    context.imageSmoothingQuality = "medium";
    const whole = this.tile(layer, coarsest, 0, 0);
    const step = layer.side * 2 ** level;
    for (const [row, column] of this.tilesInView(layer, level)) {
      const [top, left] = [row * step, column * step];
      const tile = this.tile(layer, level, row, column);
      if (tile) {
        const image = picture(tile);
        if (!image) continue;
        const [bottom, right] = [top + image.height * 2 ** level, left + image.width * 2 ** level];
        context.drawImage(image, ...this.box(top * unit[0], left * unit[1], bottom * unit[0], right * unit[1]));
      } else if (whole) {
        const image = picture(whole);
        if (!image) continue;
        const small = 2 ** coarsest;
        const [bottom, right] = [Math.min(top + step, layer.height), Math.min(left + step, layer.width)];
        context.drawImage(image, left / small, top / small, (right - left) / small, (bottom - top) / small,
          ...this.box(top * unit[0], left * unit[1], bottom * unit[0], right * unit[1]));
      }
    }
  }

  /** Where values reach a level: pixels of its edge when small, lines between pixels when large. */
  drawContour(layer, level, colour) {
    if ((this.scene.width / layer.width) * this.scale < 2) {
      this.drawLayer(layer, (tile) => painted(tile, "edge", level, (into, one) => edge(into, one, level, parts(colour))));
      return;
    }
    const { context } = this;
    const path = new Path2D();
    const unit = [this.scene.height / layer.height, this.scene.width / layer.width];
    for (const [row, column] of this.tilesInView(layer, 0)) {
      const tile = this.tile(layer, 0, row, column);
      if (tile) this.outline(path, tile, row * layer.side, column * layer.side, unit, level);
    }
    const ratio = window.devicePixelRatio || 1;
    for (const [style, width] of [["rgba(0, 0, 0, 0.55)", 3.5], [colour, 1.75]]) {
      context.strokeStyle = style;
      context.lineWidth = width * ratio;
      context.stroke(path);
    }
  }

  outline(path, tile, top, left, unit, level) {
    const { data, stride, width, height } = tile;
    const x = (column) => this.offset[0] + (left + column) * unit[1] * this.scale;
    const y = (row) => this.offset[1] + (top + row) * unit[0] * this.scale;
    const first = (at, size) => Math.min(size, Math.max(0, Math.floor(at)));
    const columns = [first(-x(0) / (unit[1] * this.scale), width), first((this.canvas.width - x(0)) / (unit[1] * this.scale) + 1, width)];
    const rows = [first(-y(0) / (unit[0] * this.scale), height), first((this.canvas.height - y(0)) / (unit[0] * this.scale) + 1, height)];
    for (let row = rows[0]; row < rows[1]; row += 1) {
      for (let column = columns[0]; column < columns[1]; column += 1) {
        const place = (row + 1) * stride + column + 1;
        const inside = data[place] >= level;
        if (inside !== data[place + 1] >= level) {
          path.moveTo(x(column + 1), y(row));
          path.lineTo(x(column + 1), y(row + 1));
        }
        if (inside !== data[place + stride] >= level) {
          path.moveTo(x(column), y(row + 1));
          path.lineTo(x(column + 1), y(row + 1));
        }
      }
    }
  }

  /** Hits, misses and false alarms of a tile; needs the mask's tile of the same place. */
  agreement(tile, level) {
    const truth = this.tile(this.truth, tile.level, tile.row, tile.column);
    if (!truth || truth.data.length !== tile.data.length) return null;
    return painted(tile, "agreement", level, (into, { data, stride, width, height }) => {
      const colours = { hit: parts(COLOURS.hit), missed: parts(COLOURS.missed), wrong: parts(COLOURS.wrong), unknown: parts(COLOURS.unknown) };
      each(width, height, stride, (from, to) => {
        const salient = truth.data[from] >= MASK_FROM;
        const called = data[from] >= level;
        if (!salient && !called) return;
        const known = salient || truth.data[from] === 0;
        put(into, to, colours[!known ? "unknown" : salient ? (called ? "hit" : "missed") : "wrong"], 255);
      });
    });
  }

  drawMarkers() {
    const { context } = this;
    const ratio = window.devicePixelRatio || 1;
    const mark = ([row, column], colour, label) => {
      const [x, y, w, h] = this.box(row, column, row + 1, column + 1);
      const [cx, cy] = [x + w / 2, y + h / 2];
      const gap = Math.max(w / 2, 4 * ratio);
      context.lineCap = "round";
      for (const [style, width] of [["rgba(0, 0, 0, 0.8)", 4], [colour, 2]]) {
        context.strokeStyle = style;
        context.lineWidth = width * ratio;
        context.beginPath();
        for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
          context.moveTo(cx + dx * gap, cy + dy * gap);
          context.lineTo(cx + dx * (gap + 7 * ratio), cy + dy * (gap + 7 * ratio));
        }
        context.stroke();
        if (w > 6 * ratio) context.strokeRect(x, y, w, h);
      }
      if (!label) return;
      context.font = `600 ${13 * ratio}px system-ui, sans-serif`;
      context.lineWidth = 3.5 * ratio;
      context.strokeStyle = "rgba(0, 0, 0, 0.85)";
      context.strokeText(label, cx + gap + 3 * ratio, cy - gap);
      context.fillStyle = "#ffffff"; // which can be read on any scene; the marker has the colour
      context.fillText(label, cx + gap + 3 * ratio, cy - gap);
    };
    this.pins.forEach((pin) => mark(pin.spot, pin.colour, pin.label));
    if (this.cursor) mark(this.cursor, "#ffffff");
  }

  // Mouse, pen and fingers; keys are the page's.

  listen() {
    const { canvas } = this;
    const down = new Map();
    let moved = 0;
    let spread = 0;
    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      return [(event.clientX - box.left) * (canvas.width / box.width), (event.clientY - box.top) * (canvas.height / box.height)];
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      canvas.setPointerCapture(event.pointerId);
      if (!down.size) moved = 0;
      down.set(event.pointerId, place(event));
      spread = 0;
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.scene) return;
      const now = place(event);
      if (!down.has(event.pointerId)) {
        this.dispatchEvent(new CustomEvent("hover", { detail: this.spotAt(now) }));
        return;
      }
      const before = down.get(event.pointerId);
      down.set(event.pointerId, now);
      if (down.size === 1) {
        moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
        if (moved < 5 * (window.devicePixelRatio || 1)) return;
        canvas.classList.add("moving");
        this.moveBy(now[0] - before[0], now[1] - before[1]);
        return;
      }
      moved = Infinity;
      const [one, two] = [...down.values()];
      const apart = Math.hypot(one[0] - two[0], one[1] - two[1]);
      if (spread) this.zoom(apart / spread, [(one[0] + two[0]) / 2, (one[1] + two[1]) / 2]);
      spread = apart;
    });
    const up = (event) => {
      if (!down.delete(event.pointerId)) return;
      canvas.classList.remove("moving");
      spread = 0;
      if (event.type === "pointercancel" || down.size || !this.scene) return;
      const spot = this.spotAt(place(event));
      if (moved < 5 * (window.devicePixelRatio || 1) && spot) this.dispatchEvent(new CustomEvent("pick", { detail: spot }));
    };
    canvas.addEventListener("pointerup", up);
    canvas.addEventListener("pointercancel", up);
    canvas.addEventListener("pointerleave", () => this.dispatchEvent(new CustomEvent("hover", { detail: null })));
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(2 ** (-event.deltaY / (event.deltaMode ? 8 : 300)), place(event));
    }, { passive: false });
  }
}

/** A tile of values: its numbers with an apron of one pixel around it. */
function values(layer, level, row, column, buffer) {
  const data = layer.bytes === 2 ? new Uint16Array(buffer) : new Uint8Array(buffer);
  const size = (length, number) => Math.min(layer.side, Math.ceil(length / 2 ** level) - number * layer.side);
  const [width, height] = [size(layer.width, column), size(layer.height, row)];
  return { data, width, height, stride: width + 2, level, row, column, made: {} };
}

/** A picture made of a tile's values; kept until it is asked for with another setting. */
function painted(tile, kind, setting, paint) {
  const known = tile.made[kind];
  if (known?.setting === setting) return known.image;
  const image = known?.image ?? new OffscreenCanvas(tile.width, tile.height);
  const context = image.getContext("2d");
  const into = context.createImageData(tile.width, tile.height);
  paint(into.data, tile);
  context.putImageData(into, 0, 0);
  tile.made[kind] = { setting, image };
  return image;
}

function each(width, height, stride, act) {
  for (let row = 0; row < height; row += 1) {
    for (let column = 0; column < width; column += 1) act((row + 1) * stride + column + 1, 4 * (row * width + column));
  }
}

function put(into, at, colour, alpha) {
  [into[at], into[at + 1], into[at + 2]] = colour;
  into[at + 3] = alpha;
}

function heat(into, { data, width, height, stride }) {
  each(width, height, stride, (from, to) => {
    const level = data[from] >> 8;
    put(into, to, ramp[level], level);
  });
}

function unknown(into, { data, width, height, stride }) {
  const grey = parts(COLOURS.unknown);
  each(width, height, stride, (from, to) => {
    if (data[from] > 0 && data[from] < MASK_FROM) put(into, to, grey, 140);
  });
}

/** Pixels that reach a level beside one that does not. */
function edge(into, { data, width, height, stride }, level, colour) {
  each(width, height, stride, (from, to) => {
    if (data[from] < level) return;
    const inner = data[from - 1] >= level && data[from + 1] >= level && data[from - stride] >= level && data[from + stride] >= level;
    if (!inner) put(into, to, colour, 255);
  });
}
