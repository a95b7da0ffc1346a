/** How feeds are put into words. */

import { lengthOf } from "./job_words.js";

const STATES = {
  live: "Live",
  opening: "Opening",
  stale: "Stale",
  delayed: "Delayed",
  offline: "Offline",
};
const ROLES = {
  all: "Serves clients and feeds",
  web: "Serves clients",
  feed: "Feeds",
};
const UNITS = { s: "second", m: "minute", h: "hour", d: "day", w: "week", M: "month" };

/** Name a feed: its symbol and its timeframe in words. */
export function nameOf(feed) {
  const count = Number.parseInt(feed.timeframe, 10);
  const unit = UNITS[feed.timeframe.at(-1)];
  return `${feed.symbol}, ${count} ${unit}${count === 1 ? "" : "s"}`;
}

/** Say how a feed is, and in a word of its own that it needs attention. */
export function stateOf(feed) {
  return feed.late ? `Late: ${STATES[feed.state].toLowerCase()}` : STATES[feed.state];
}

/** Say how long ago something was. */
export function agoOf(ms) {
  if (ms === null) return "Nothing yet";
  return ms < 1_000 ? "Less than a second ago" : `${lengthOf(Math.floor(ms / 1_000))} ago`;
}

/** Say what a worker is there for. */
export function roleOf(worker) {
  return ROLES[worker.role];
}

/** Say what is late and nothing else: that it changed is news, that there are more feeds is none. */
export function latenessOf(answer) {
  const { late, text } = answer.summary;
  const named = late ? text.slice(text.indexOf(": ")) : "";
  return JSON.stringify([answer.complete, late, named]);
}
