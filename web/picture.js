/**
 * The drawing of the chart, for those who see it: candles, volume, two axes and the cursor.
 *
 * A rising bar is hollow and a falling one filled, so that colour is never needed to tell them apart. Colours come
 * from the style sheet, which takes those of the system in forced colours. Drawing only reads; nothing moves.
 */

import { ticksOf } from "./ticks.js";

const AXIS_WIDTH_PX = 92;
const AXIS_HEIGHT_PX = 30;
const VOLUME_PART = 0.18;
const TOP_PX = 12;
const LABEL_PX = 22;
const FONT = "13px system-ui, sans-serif";

export class Picture {
  #canvas;
  #context;
  #words;
  #wanted = false;
  #colours = null;
  chart = null;
  cursorMs = null;
  shown = 80;

  constructor(canvas, words) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    this.#words = words;
    new ResizeObserver(() => this.draw()).observe(canvas.parentElement);
    for (const query of [
      "(prefers-color-scheme: dark)",
      "(forced-colors: active)",
      "(prefers-contrast: more)",
    ]) {
      matchMedia(query).addEventListener("change", () => this.recolour());
    }
  }

  /** Take the colours anew, as after a change of the theme. */
  recolour() {
    this.#colours = null;
    this.draw();
  }

  /** Draw with the next frame; asking often costs nothing. */
  draw() {
    if (this.#wanted) return;
    this.#wanted = true;
    requestAnimationFrame(() => {
      this.#wanted = false;
      this.#paint();
    });
  }

  /** Return the time of the bar at a place from the left edge of the canvas, or null. */
  timeAt(x) {
    const layout = this.#layout();
    if (!layout) return null;
    const place = layout.start + Math.floor((x - layout.left) / layout.step);
    return (
      layout.bars[Math.min(Math.max(place - layout.start, 0), layout.bars.length - 1)]?.openTimeMs ?? null
    );
  }

  #layout() {
    const bars = this.chart?.bars;
    if (!bars?.count) return null;
    const box = this.#canvas.parentElement.getBoundingClientRect();
    const narrow = box.width < 480;
    const axis = narrow ? 70 : AXIS_WIDTH_PX;
    const shown = Math.min(this.shown, bars.count);
    const cursor = this.cursorMs === null ? bars.count - 1 : Math.max(bars.placeOf(this.cursorMs), 0);
    let start = bars.count - shown;
    if (cursor < start) start = Math.max(0, cursor - Math.floor(shown / 4));
    const list = bars.slice(start, start + shown);
    const width = Math.max(box.width - axis, 50);
    return {
      start,
      bars: list,
      left: 0,
      width,
      step: width / shown,
      height: box.height,
      cursor,
      total: box.width,
    };
  }

  #paint() {
    const canvas = this.#canvas;
    const box = canvas.parentElement.getBoundingClientRect();
    const ratio = globalThis.devicePixelRatio || 1;
    const size = [Math.round(box.width * ratio), Math.round(box.height * ratio)];
    if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
    const pen = this.#context;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, box.width, box.height);
    const layout = this.#layout();
    if (!layout) return;
    this.#colours ??= coloursOf(canvas);
    pen.font = FONT;
    pen.textBaseline = "middle";
    const scale = this.#scale(layout);
    this.#grid(pen, layout, scale);
    this.#volumes(pen, layout);
    layout.bars.forEach((bar, index) =>
      this.#candle(pen, bar, layout.left + index * layout.step, layout.step, scale),
    );
    this.#cursorLine(pen, layout, scale);
  }

  #scale({ bars, height }) {
    const high = Math.max(...bars.map((bar) => bar.numbers.high));
    const low = Math.min(...bars.map((bar) => bar.numbers.low));
    const room = high > low ? high - low : Math.abs(high) * 0.01 || 1;
    const bottom = (height - AXIS_HEIGHT_PX) * (1 - VOLUME_PART);
    const y = (price) => TOP_PX + ((high - price) / room) * (bottom - TOP_PX);
    return { high, low, bottom, y };
  }

  #grid(pen, layout, scale) {
    const { line, text } = this.#colours;
    const words = this.#words();
    pen.strokeStyle = line;
    pen.fillStyle = text;
    pen.lineWidth = 1;
    pen.textAlign = "left";
    const label = scale.y(this.chart.bars.at(layout.cursor).numbers.close);
    for (const price of ticksOf(scale.low, scale.high, this.chart.pricePlaces)) {
      const y = Math.round(scale.y(Number(price))) + 0.5;
      stroke(pen, 0, y, layout.width, y);
      // The price at the cursor has a label of its own there.
      if (Math.abs(y - label) > LABEL_PX)
        pen.fillText(words.decimal(price), layout.width + 8, y, layout.total - layout.width - 10);
    }
    const count = Math.max(2, Math.floor(layout.width / 170));
    const every = Math.max(1, Math.ceil(layout.bars.length / count));
    const y = layout.height - AXIS_HEIGHT_PX / 2;
    for (let index = Math.floor(every / 2); index < layout.bars.length; index += every) {
      const x = layout.left + (index + 0.5) * layout.step;
      const time = words.axisTime(layout.bars[index].openTimeMs, this.chart.timeframe);
      const half = pen.measureText(time).width / 2;
      pen.textAlign = "center";
      pen.fillText(time, Math.min(Math.max(x, half + 2), layout.width - half), y);
    }
  }

  #volumes(pen, layout) {
    const most = Math.max(...layout.bars.map((bar) => bar.numbers.volume), 0);
    if (most <= 0) return;
    const floor = layout.height - AXIS_HEIGHT_PX;
    const room = floor * VOLUME_PART - 8;
    pen.fillStyle = this.#colours.volume;
    const width = Math.max(1, layout.step * 0.6);
    layout.bars.forEach((bar, index) => {
      const height = (bar.numbers.volume / most) * room;
      pen.fillRect(layout.left + (index + 0.5) * layout.step - width / 2, floor - height, width, height);
    });
  }

  #candle(pen, bar, left, step, scale) {
    const rising = bar.numbers.close >= bar.numbers.open;
    const { up, down, flat, paper } = this.#colours;
    const middle = left + step / 2;
    const width = Math.max(1, Math.min(step * 0.7, 22));
    const top = scale.y(Math.max(bar.numbers.open, bar.numbers.close));
    const height = Math.max(1, scale.y(Math.min(bar.numbers.open, bar.numbers.close)) - top);
    const still = bar.numbers.close === bar.numbers.open;
    pen.strokeStyle = pen.fillStyle = still ? flat : rising ? up : down;
    pen.lineWidth = step > 6 ? 1.5 : 1;
    // What is still forming has a broken outline.
    pen.setLineDash(bar.state === "forming" ? [3, 2] : []);
    stroke(pen, middle, scale.y(bar.numbers.high), middle, scale.y(bar.numbers.low));
    if (rising && !still && width >= 3) {
      pen.fillStyle = paper;
      pen.fillRect(middle - width / 2, top, width, height);
      pen.strokeRect(middle - width / 2, top, width, height);
    } else {
      pen.fillRect(middle - width / 2, top, width, height);
    }
    pen.setLineDash([]);
  }

  #cursorLine(pen, layout, scale) {
    const bar = this.chart.bars.at(layout.cursor);
    const index = layout.cursor - layout.start;
    if (!bar || index < 0 || index >= layout.bars.length) return;
    const { cursor, paper } = this.#colours;
    const x = layout.left + (index + 0.5) * layout.step;
    const y = scale.y(bar.numbers.close);
    pen.strokeStyle = pen.fillStyle = cursor;
    pen.lineWidth = 2;
    pen.setLineDash([6, 4]);
    stroke(pen, x, 0, x, layout.height - AXIS_HEIGHT_PX);
    stroke(pen, 0, y, layout.width, y);
    pen.setLineDash([]);
    pen.fillRect(layout.width + 2, y - LABEL_PX / 2, layout.total - layout.width - 2, LABEL_PX);
    pen.fillStyle = paper;
    pen.textAlign = "left";
    const price = this.#words().decimal(bar.close, this.chart.pricePlaces);
    pen.fillText(price, layout.width + 8, y, layout.total - layout.width - 10);
  }
}

/** Return the colours that the style sheet gives an element now. */
export function coloursOf(element) {
  const style = getComputedStyle(element);
  const colour = (name) => style.getPropertyValue(name).trim();
  return {
    up: colour("--up"),
    down: colour("--down"),
    flat: colour("--ink"),
    paper: colour("--card"),
    line: colour("--grid"),
    text: colour("--quiet"),
    volume: colour("--volume"),
    cursor: colour("--accent"),
  };
}

function stroke(pen, x1, y1, x2, y2) {
  pen.beginPath();
  pen.moveTo(x1, y1);
  pen.lineTo(x2, y2);
  pen.stroke();
}
