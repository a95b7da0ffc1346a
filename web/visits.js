/** When each chart was last looked at, kept in this browser. */

import { read, write } from "./settings.js";

const KEY = "accessibletrader.visits";
const CHARTS_MAX = 50;

export function lastVisitMs(chartKey) {
  return read(KEY)[chartKey] ?? null;
}

export function keepVisit(chartKey, timeMs) {
  const { [chartKey]: _, ...others } = read(KEY);
  const kept = Object.entries(others).slice(-(CHARTS_MAX - 1));
  write(KEY, { ...Object.fromEntries(kept), [chartKey]: timeMs });
}
