/** The chart in words: when the service is asked to describe it anew, and when the page shows what it said. */

import { fetchDescription, renderBrief, renderDescription } from "./description.js";

// How old the brief may be when a bar closes, and when only the latest price has changed.
const CLOSED_MS = 10_000;
const FORMING_MS = 20_000;
const LISTS_MS = 30_000;

export class InWords {
  #page;
  #parts;
  #fetchedMs = 0;
  #listedMs = 0;
  // Whether a bar has closed since the lists were made.
  #listsDue = false;

  /** parts: the elements brief, sentences, wordsNone, landmarks and landmarksNone. */
  constructor(page, parts) {
    this.#page = page;
    this.#parts = parts;
  }

  /** Ask for what is said of a chart; where it cannot be had, what was said stays. */
  async fetch(chart, signal = undefined) {
    const { api, words, settings } = this.#page;
    this.#fetchedMs = performance.now();
    const description = await fetchDescription(api, chart, words, settings, signal).catch(() => null);
    chart.description = description ?? chart.description;
  }

  /** Show all that is said of the chart. */
  render() {
    const { chart, words, commands } = this.#page;
    this.#listedMs = performance.now();
    this.#listsDue = false;
    renderDescription(this.#parts, chart.description, words, (landmark) => commands.goTo(landmark));
  }

  /**
   * Ask and show now and then as prices change and bars close, so that the brief does not contradict the price
   * for long. The lists follow more slowly, and never under the hands of somebody who is in one of them.
   */
  async again(closed) {
    const { chart } = this.#page;
    this.#listsDue ||= closed;
    if (performance.now() - this.#fetchedMs < (closed ? CLOSED_MS : FORMING_MS)) return;
    await this.fetch(chart);
    if (chart !== this.#page.chart) return;
    const { brief, sentences, landmarks } = this.#parts;
    const reading = [sentences, landmarks].some((list) => list.contains(document.activeElement));
    if (this.#listsDue && !reading && performance.now() - this.#listedMs >= LISTS_MS) this.render();
    else renderBrief(brief, chart.description, this.#page.words);
  }
}
