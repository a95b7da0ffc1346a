/** Sentences about bars, made of their own numbers alone; what a chart means is the service's to say. */

import { changePercent, compare } from "./decimals.js";
import { nextOpenMs } from "./timeframes.js";

/** Return what is said of a bar: as precise as the verbosity asks, its state and the hole before it included. */
export function describeBar(bar, field, chart, words, verbosity) {
  const time = chart.barTime(bar.openTimeMs, words);
  const parts = [words.say("bar_value", { time, value: valueText(bar, field, chart, words) })];
  if (verbosity === "full") {
    for (const other of ["open", "high", "low", "close", "volume"]) {
      if (other !== field) parts.push(`${valueText(bar, other, chart, words, false)}.`);
    }
  }
  if (verbosity !== "brief") {
    const gap = chart.bars.gapBefore(bar);
    if (gap) parts.push(words.say(`gap_${gap.reason}`));
  }
  if (bar.state !== "closed") parts.push(words.say(`state_${bar.state}`));
  return parts.join(" ");
}

/** Return what is said when another value of the same bar is asked for. */
export function describeField(bar, field, chart, words) {
  const value = valueText(bar, field, chart, words);
  return words.say("field_value", { value, time: chart.barTime(bar.openTimeMs, words) });
}

/** Return "Close 59,400.00, down 1.0 percent": the change since the close right before it, else its own open. */
export function valueText(bar, field, chart, words, withChange = true) {
  const places = field === "volume" ? 0 : chart.pricePlaces;
  const value = words.decimal(bar[field], places);
  if (field !== "close" || !withChange) return words.say("named_value", { name: words.say(field), value });
  const change = words.change(changePercent(baseOf(bar, chart), bar.close));
  return words.say("named_value_change", { name: words.say(field), value, change });
}

function baseOf(bar, chart) {
  const before = chart.bars.at(chart.bars.placeOf(bar.openTimeMs) - 1);
  const follows = before !== null && nextOpenMs(before.openTimeMs, chart.timeframe) === bar.openTimeMs;
  return follows ? before.close : bar.open;
}

/** Return the highest, the lowest and the change from the open of a bar on, or null when nothing opened since. */
export function describeSince(openTimeMs, chart, words) {
  const start = chart.bars.placeOf(openTimeMs);
  const since = chart.bars.slice(Math.max(start, 0), chart.bars.count);
  if (since.length < 2) return null;
  const high = since.reduce((best, bar) => (compare(bar.high, best) > 0 ? bar.high : best), since[0].high);
  const low = since.reduce((best, bar) => (compare(bar.low, best) < 0 ? bar.low : best), since[0].low);
  const price = (text) => words.decimal(text, chart.pricePlaces);
  return words.say("since_visit", {
    time: chart.barTime(since[0].openTimeMs, words),
    high: price(high),
    low: price(low),
    last: price(since.at(-1).close),
    change: words.change(changePercent(since[0].open, since.at(-1).close)),
  });
}
