/** Round prices for an axis. */

import { padded, plain } from "./decimals.js";

const STEPS = [1, 2, 5];
const COUNT = 6;

/** Return about six round prices between two, as exact text with at least so many digits behind the point. */
export function ticksOf(low, high, pricePlaces) {
  const room = high > low ? high - low : Math.abs(high) * 0.01 || 1;
  const magnitude = Math.floor(Math.log10(room / COUNT));
  const rough = room / COUNT / 10 ** magnitude;
  const step = STEPS.find((each) => each >= rough) ?? 10;
  const found = [];
  const first = Math.ceil(low / (step * 10 ** magnitude));
  for (let count = first; found.length < COUNT * 2; count += 1) {
    // Written as a whole number with an exponent, so that no multiple of a tenth is ever 0.30000000000000004.
    const text = plain(Number(`${count * step}e${magnitude}`));
    if (Number(text) > low + room) break;
    found.push(padded(text, pricePlaces));
  }
  return found;
}
