/** One chart: what it is of, and its bars. */

import { Bars, readBar } from "./bars.js";
import { places, plain } from "./decimals.js";

const YEAR_MS = 365 * 86_400_000;

export class Chart {
  constructor({ market, exchange, symbol, timeframe }) {
    Object.assign(this, { market, exchange, symbol, timeframe });
    this.bars = new Bars();
    this.pricePlaces = 0;
    this.description = null;
    this.stale = false;
    this.title = symbol;
  }

  get key() {
    return `${this.market}:${this.exchange}:${this.symbol}:${this.timeframe}`;
  }

  get csvAddress() {
    return `/market/fetch_ohlcv?${new URLSearchParams({ ...this.#names(), limit: 5000, format: "csv" })}`;
  }

  /**
   * Ask history for the newest bars, or for those since a time; return the time from which on there are more of
   * these, or null when that were all.
   */
  async load(api, limit, sinceMs = null, signal = undefined) {
    const answer = await api.get(
      "/market/fetch_ohlcv",
      { ...this.#names(), format: "native", limit, since: sinceMs },
      signal,
    );
    // A derived timeframe has another name than it was asked by.
    this.timeframe = answer.timeframe;
    for (const given of answer.bars) this.bars.take(readBar(given));
    // The newest word on a span of time holds.
    const earlier = this.bars.gaps.filter((gap) => sinceMs !== null && gap.end_ms <= sinceMs);
    this.bars.gaps = [...earlier, ...answer.gaps];
    this.stale = answer.stale;
    this.pricePlaces = answer.price_step ? places(plain(answer.price_step)) : this.#longestPrice();
    return sinceMs !== null && answer.next ? answer.bars.at(-1).open_time_ms : null;
  }

  /** Note that what lies between two times was not fetched. */
  lack(startMs, endMs) {
    const others = this.bars.gaps.filter((gap) => gap.end_ms <= startMs || gap.start_ms >= endMs);
    this.bars.gaps = [...others, { start_ms: startMs, end_ms: endMs, reason: "unfetched" }];
  }

  /** Say what it is of, in words. */
  name(words) {
    const symbol = this.description?.symbol?.spoken ?? this.symbol;
    const timeframe = words.timeframe(this.timeframe);
    this.title = words.say("chart_title", { symbol, timeframe, exchange: this.exchange });
    return this.title;
  }

  /** Say when one of its bars opened: with the year, where the day alone could be of more than one. */
  barTime(openTimeMs, words) {
    const [first, last] = [this.bars.first, this.bars.last].map((bar) => bar?.openTimeMs ?? openTimeMs);
    const withYear = Date.now() - last > YEAR_MS || words.year(first) !== words.year(last);
    return words.barTime(openTimeMs, this.timeframe, withYear);
  }

  #names() {
    const { market, exchange, symbol, timeframe } = this;
    return { market, exchange, symbol, timeframe };
  }

  #longestPrice() {
    const last = this.bars.slice(-50);
    return Math.max(
      0,
      ...last.flatMap((bar) => ["open", "high", "low", "close"].map((field) => places(bar[field]))),
    );
  }
}
