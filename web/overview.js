/** The head of the page: what is shown, its latest price and how the line stands. Text to be read, never live. */

import { changePercent } from "./decimals.js";

export class Overview {
  #parts;
  #words;

  /** parts: instrument, price, change, connection, mark. */
  constructor(parts, words) {
    this.#parts = parts;
    this.#words = words;
  }

  show(chart) {
    const words = this.#words();
    this.#parts.instrument.textContent = chart.name(words);
    document.title = words.say("page_title", { chart: chart.title });
    this.price(chart);
  }

  price(chart) {
    const words = this.#words();
    const bar = chart?.bars.last;
    if (!bar) {
      this.#parts.price.textContent = words.say("price_none");
      this.#parts.change.textContent = "";
      return;
    }
    const change = words.change(changePercent(bar.open, bar.close));
    this.#parts.price.textContent = words.decimal(bar.close, chart.pricePlaces);
    this.#parts.change.textContent = words.say("price_change", {
      change,
      timeframe: words.timeframe(chart.timeframe),
    });
    this.#parts.change.dataset.direction = bar.numbers.close < bar.numbers.open ? "down" : "up";
  }

  /** Show how the line stands: connecting, live, stale, delayed, unfed, offline or paused. */
  line(state) {
    this.#parts.connection.textContent = this.#words().say(`state_${state}`);
    this.#parts.mark.dataset.state = state;
  }
}
