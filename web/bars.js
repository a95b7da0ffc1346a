/** The bars of one chart, oldest first, each of them once; numbers are kept as exact text. */

import { plain } from "./decimals.js";

export const FIELDS = ["open", "high", "low", "close", "volume"];
export const BARS_MAX = 6_000;
const KEPT_AFTER_TRIM = 5_000;

/** Return a bar of an answer or of a message, with its numbers as text. */
export function readBar(given) {
  const bar = { openTimeMs: given.open_time_ms, state: given.state, revision: given.revision, numbers: {} };
  for (const field of FIELDS) {
    bar[field] = plain(given[field]);
    bar.numbers[field] = Number(given[field]);
  }
  return bar;
}

export class Bars {
  #list = [];
  gaps = [];

  get count() {
    return this.#list.length;
  }

  get first() {
    return this.#list[0] ?? null;
  }

  get last() {
    return this.#list.at(-1) ?? null;
  }

  at(index) {
    return this.#list[index] ?? null;
  }

  slice(start, end) {
    return this.#list.slice(start, end);
  }

  /** Return the place of the bar that opened at this time or, without one, of the last before it; -1: none. */
  placeOf(openTimeMs) {
    let low = 0;
    let high = this.#list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#list[middle].openTimeMs <= openTimeMs) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Take a bar in: "added", "changed", or "known" when what we have is as new or newer. */
  take(bar) {
    const place = this.placeOf(bar.openTimeMs);
    const there = this.#list[place];
    if (there?.openTimeMs === bar.openTimeMs) {
      if (!overtakes(bar, there)) return "known";
      this.#list[place] = bar;
      return "changed";
    }
    this.#list.splice(place + 1, 0, bar);
    if (this.#list.length > BARS_MAX) this.#list.splice(0, this.#list.length - KEPT_AFTER_TRIM);
    return "added";
  }

  /** Return the gap that ends where this bar opens, or null. */
  gapBefore(bar) {
    return this.gaps.find((gap) => gap.end_ms === bar.openTimeMs) ?? null;
  }
}

// A closed bar changes only into a corrected one of a higher revision; a forming one never replaces it.
function overtakes(bar, there) {
  if (there.state === "forming") return bar.state !== "forming" || differs(bar, there);
  return bar.state !== "forming" && (bar.revision > there.revision || bar.state !== there.state);
}

function differs(bar, there) {
  return FIELDS.some((field) => bar[field] !== there[field]);
}
