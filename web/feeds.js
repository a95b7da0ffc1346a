/** The page of feeds, for admins: how each topic is fed, and a region that says when something else is late. */

import { AdminPage, find, tell } from "./admin_page.js";
import { bring, fill, makeRow } from "./admin_tables.js";
import { agoOf, latenessOf, nameOf, roleOf, stateOf } from "./feed_words.js";
import { momentOf } from "./job_words.js";

const LOOK_EVERY_MS = 5_000;
const FEEDS_SHOWN = 50;
const FEEDS = "/api/v1/admin/feeds";
const SIGN_IN = "Sign in as an admin to see the feeds.";

const page = new AdminPage({ read, empty, entrance: "summary", everyMs: LOOK_EVERY_MS });

// What was late when last looked at; null before the first look.
let lateness = null;
let cursor = null;
let following = null;

function fillFeed(row, feed) {
  fill(row, [
    nameOf(feed),
    feed.exchange,
    stateOf(feed),
    agoOf(feed.lag_ms),
    feed.last_message_at === null ? "" : momentOf(feed.last_message_at),
    feed.since === null ? "" : momentOf(feed.since),
    feed.holder ?? "None",
    feed.listeners.toLocaleString("en"),
    feed.budget_left === null ? "Not counted" : feed.budget_left.toLocaleString("en"),
  ]);
}

function fillWorker(row, worker) {
  fill(row, [
    worker.name,
    roleOf(worker),
    worker.feeds.toLocaleString("en"),
    worker.connections.toLocaleString("en"),
    agoOf(worker.told_ms_ago),
  ]);
}

function showTable(id, entries, columns, fillRow) {
  bring(find(id), entries, (key) => makeRow(key, columns), fillRow);
  find(`${id}-scroller`).hidden = entries.length === 0;
  find(`${id}-none`).hidden = entries.length > 0;
}

/** Keep a button that has the focus where it is, also when there is nothing to press it for. */
function allow(id, allowed) {
  find(id).setAttribute("aria-disabled", String(!allowed));
}

function show(answer) {
  showTable("feeds", answer.feeds.map((feed) => [feed.topic, feed]), 9, fillFeed);
  const numbered = answer.workers.map((worker, place) => [`${worker.name} ${place}`, worker]);
  showTable("workers", numbered, 5, fillWorker);
  following = answer.next;
  allow("more", following !== null);
  allow("first", cursor !== null);
  if (find("summary").textContent !== answer.summary.text) find("summary").textContent = answer.summary.text;
  const now = latenessOf(answer);
  if (lateness !== null && lateness !== now) tell(answer.summary.late ? "alert" : "status", answer.summary.text);
  lateness = now;
}

async function read() {
  const answer = await page.api.get(FEEDS, { limit: FEEDS_SHOWN, cursor });
  return () => show(answer);
}

function empty() {
  lateness = null;
  cursor = null;
  find("summary").textContent = SIGN_IN;
  for (const id of ["feeds", "workers"]) showTable(id, [], 0, fill);
}

/** Turn to another page of the table, and say how much there is. */
async function turn(button, to) {
  if (button.getAttribute("aria-disabled") === "true") return;
  cursor = to;
  if (await page.look()) tell("status", `${find("feeds").tBodies[0].rows.length} feeds shown.`);
}

find("refresh").addEventListener("click", async () => {
  if (await page.look()) tell("status", find("summary").textContent);
});
find("more").addEventListener("click", (event) => turn(event.currentTarget, following));
find("first").addEventListener("click", (event) => turn(event.currentTarget, null));
