/** The form that chooses a chart: a market, then its exchanges, then their symbols. */

import { make } from "./dialogs.js";
import { TIMEFRAMES } from "./timeframes.js";

export class Choices {
  #form;
  #api;
  #words;
  #asked = 0;

  /** shown(choice) is called when the form is sent, failed(error) when a list cannot be had. */
  constructor(form, api, words, { shown, failed }) {
    this.#form = form;
    this.#api = api;
    this.#words = words;
    const { market, exchange } = form.elements;
    market.addEventListener("change", () => this.#exchanges().catch(failed));
    exchange.addEventListener("change", () => this.#symbols().catch(failed));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      shown(this.value);
    });
  }

  get value() {
    const { market, exchange, symbol, timeframe } = this.#form.elements;
    return {
      market: market.value,
      exchange: exchange.value,
      symbol: symbol.value,
      timeframe: timeframe.value,
    };
  }

  /** Fill the lists and choose, as far as it is there. */
  async fill(markets, wanted) {
    fillSelect(this.#form.elements.market, markets, wanted.market);
    this.fillTimeframes(wanted.timeframe);
    // Shown at once, before the lists have come: they may be long, or their exchange away.
    fillSelect(this.#form.elements.exchange, [wanted.exchange].filter(Boolean), wanted.exchange);
    fillSelect(this.#form.elements.symbol, [wanted.symbol].filter(Boolean), wanted.symbol);
    await this.#exchanges(wanted);
  }

  fillTimeframes(wanted) {
    const all = TIMEFRAMES.includes(wanted) ? TIMEFRAMES : [wanted, ...TIMEFRAMES];
    fillSelect(this.#form.elements.timeframe, all, wanted, (text) => this.#words().timeframe(text));
  }

  async #exchanges(wanted = {}) {
    const asked = (this.#asked += 1);
    const { market, exchange } = this.#form.elements;
    const exchanges = await this.#api.get("/market/get_exchanges", { market: market.value });
    if (asked !== this.#asked) return;
    fillSelect(exchange, exchanges, wanted.exchange);
    await this.#symbols(wanted);
  }

  async #symbols(wanted = {}) {
    const asked = (this.#asked += 1);
    const { market, exchange, symbol } = this.#form.elements;
    const symbols = await this.#api.get("/market/get_symbols", {
      market: market.value,
      exchange: exchange.value,
    });
    if (asked === this.#asked) fillSelect(symbol, symbols, wanted.symbol ?? symbol.value);
  }
}

function fillSelect(select, values, wanted, name = (text) => text) {
  select.replaceChildren(...values.map((value) => make("option", { value }, name(value))));
  if (values.includes(wanted)) select.value = wanted;
}
