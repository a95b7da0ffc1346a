/** Lengths of bars: "1m" is a minute, "1M" a calendar month; weeks begin on Monday, all of it in UTC. */

const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** What the page offers; an exchange that lacks one says so. */
export const TIMEFRAMES = ["1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w", "1M"];

/** Return when the bar after this one opens. */
export function nextOpenMs(openTimeMs, timeframe) {
  const count = Number(timeframe.slice(0, -1));
  const unit = timeframe.at(-1);
  if (unit !== "M") return openTimeMs + count * UNIT_MS[unit];
  const date = new Date(openTimeMs);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + count, 1);
}
