/**
 * The table of bars: newest first, a page at a time, and frozen.
 *
 * It shows the bars as they were when it was last asked to; what has come since is counted on a button, so that
 * nothing changes under whoever is reading.
 */

import { FIELDS } from "./bars.js";

export class BarTable {
  #parts;
  #words;
  #rowsPerPage;
  #chart = null;
  #frozen = [];
  #page = 0;

  /** parts: table, scroller, none, caption, refresh, newer, older, csv. */
  constructor(parts, words, rowsPerPage) {
    this.#parts = parts;
    this.#words = words;
    this.#rowsPerPage = rowsPerPage;
    parts.refresh.addEventListener("click", () => this.freeze());
    parts.newer.addEventListener("click", () => this.#turn(-1));
    parts.older.addEventListener("click", () => this.#turn(1));
  }

  show(chart) {
    this.#chart = chart;
    this.#parts.csv.href = chart.csvAddress;
    this.freeze();
  }

  /** Take what is there now, and show its newest page. */
  freeze() {
    if (!this.#chart) return;
    this.#frozen = this.#chart.bars.slice(0, this.#chart.bars.count);
    this.#page = 0;
    this.render();
  }

  /** Say on the button how many bars are not in the table yet; nothing else changes. */
  count() {
    const button = this.#parts.refresh;
    const newest = this.#frozen.at(-1)?.openTimeMs ?? -1;
    const bars = this.#chart?.bars;
    const count = bars ? bars.count - 1 - bars.placeOf(newest) : 0;
    const text = count > 0 ? this.#words().say("new_bars", { count }) : this.#words().say("no_new_bars");
    if (button.textContent !== text) button.textContent = text;
    // A disabled button that has the focus would lose it.
    button.disabled = count === 0 && document.activeElement !== button;
  }

  render() {
    const { table, caption, newer, older } = this.#parts;
    const words = this.#words();
    const size = this.#rowsPerPage();
    const pages = Math.max(1, Math.ceil(this.#frozen.length / size));
    this.#page = Math.min(this.#page, pages - 1);
    const end = this.#frozen.length - this.#page * size;
    const rows = this.#frozen.slice(Math.max(0, end - size), end).reverse();
    table.tBodies[0].replaceChildren(...rows.map((bar) => this.#row(bar)));
    const args = {
      chart: this.#chart?.title,
      page: words.number(this.#page + 1),
      pages: words.number(pages),
    };
    caption.textContent = rows.length ? words.say("caption", args) : "";
    this.#parts.scroller.hidden = rows.length === 0;
    this.#parts.none.hidden = rows.length > 0;
    keepFocus(newer, this.#page === 0);
    keepFocus(older, this.#page >= pages - 1);
    this.count();
  }

  #turn(count) {
    const pages = Math.ceil(this.#frozen.length / this.#rowsPerPage());
    this.#page = Math.min(Math.max(this.#page + count, 0), Math.max(0, pages - 1));
    this.render();
  }

  #row(bar) {
    const words = this.#words();
    const row = document.createElement("tr");
    const head = document.createElement("th");
    head.scope = "row";
    const time = document.createElement("time");
    time.dateTime = new Date(bar.openTimeMs).toISOString();
    time.textContent = this.#chart.barTime(bar.openTimeMs, words);
    head.append(time);
    row.append(head);
    for (const field of FIELDS) {
      const cell = row.insertCell();
      const data = document.createElement("data");
      data.value = bar[field];
      data.textContent = words.decimal(bar[field], field === "volume" ? 0 : this.#chart.pricePlaces);
      cell.append(data);
    }
    row.insertCell().textContent = words.say(bar.state);
    return row;
  }
}

// A button that is pressed and then has nothing more to do keeps the focus, and says that it is disabled.
function keepFocus(button, idle) {
  const focused = document.activeElement === button;
  button.disabled = idle && !focused;
  button.toggleAttribute("aria-disabled", false);
  if (idle && focused) button.setAttribute("aria-disabled", "true");
}
