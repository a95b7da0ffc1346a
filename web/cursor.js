/**
 * The cursor of the chart: one element, whatever the number of bars, whose value is what is spoken.
 *
 * It is a slider to assistive technology, since every screen reader hands a slider its arrow keys and speaks
 * its new value. Only the user moves it: nothing that arrives changes where it stands or what it says.
 */

import { FIELDS } from "./bars.js";
import { describeBar, describeField } from "./readings.js";

const PAGE = 10;

export class Cursor extends EventTarget {
  #surface;
  #reading;
  #words;
  #verbosity;
  field = "close";
  openTimeMs = null;
  chart = null;

  constructor({ surface, reading }, words, verbosity) {
    super();
    this.#surface = surface;
    this.#reading = reading;
    this.#words = words;
    this.#verbosity = verbosity;
    surface.addEventListener("focus", () => this.#say(this.#barText()));
  }

  get bars() {
    return this.chart?.bars ?? null;
  }

  get place() {
    return this.openTimeMs === null || !this.bars ? -1 : this.bars.placeOf(this.openTimeMs);
  }

  get bar() {
    return this.bars?.at(this.place) ?? null;
  }

  /** Show another chart, and stand on its last bar. */
  show(chart) {
    this.chart = chart;
    this.openTimeMs = chart.bars.last?.openTimeMs ?? null;
    this.#say(this.#barText());
  }

  /** Do a command that moves; false when it is none. */
  move(command) {
    const steps = { previousBar: -1, nextBar: 1, tenBack: -PAGE, tenForward: PAGE };
    if (command in steps) this.#step(steps[command]);
    else if (command === "firstBar") this.stand(this.bars?.first?.openTimeMs);
    else if (command === "lastBar" || command === "latest") this.stand(this.bars?.last?.openTimeMs);
    else if (command === "nextField") this.#turn(1);
    else if (command === "previousField") this.#turn(-1);
    else return false;
    return true;
  }

  /** Stand on the bar of this time; a text that leads, such as that of a landmark, is said first. */
  stand(openTimeMs, lead = "") {
    if (openTimeMs === undefined || openTimeMs === null) return this.#say(this.#barText());
    this.openTimeMs = openTimeMs;
    this.#say([lead, this.#barText()].filter(Boolean).join(" "));
  }

  /** Say the bar again, in the present words. */
  refresh() {
    this.#say(this.#barText());
  }

  #step(count) {
    if (!this.bars?.count) return this.#say(this.#barText());
    const wanted = this.place + count;
    const place = Math.min(Math.max(wanted, 0), this.bars.count - 1);
    const edge = wanted < 0 ? "first_bar" : wanted > this.bars.count - 1 ? "last_bar" : null;
    this.stand(this.bars.at(place).openTimeMs, edge ? this.#words().say(edge) : "");
  }

  #turn(count) {
    const place = FIELDS.indexOf(this.field) + count;
    this.field = FIELDS[(place + FIELDS.length) % FIELDS.length];
    this.#say(this.bar ? describeField(this.bar, this.field, this.chart, this.#words()) : this.#barText());
  }

  #barText() {
    if (!this.bar) return this.#words().say("no_bars");
    return describeBar(this.bar, this.field, this.chart, this.#words(), this.#verbosity());
  }

  #say(text) {
    const surface = this.#surface;
    surface.setAttribute("aria-valuemin", this.bars?.count ? 1 : 0);
    surface.setAttribute("aria-valuemax", this.bars?.count ?? 0);
    surface.setAttribute("aria-valuenow", this.place + 1);
    surface.setAttribute("aria-valuetext", text);
    this.#reading.textContent = text;
    this.dispatchEvent(new Event("move"));
  }
}
