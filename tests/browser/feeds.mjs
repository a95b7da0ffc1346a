/** The page of feeds: under its real policy, with the keyboard alone, heard when a feed is late, clean to axe. */

import assert from "node:assert/strict";

import { clean, focused, listen, tabTo, typeIn } from "./admin_page.mjs";
import { readOn, screenshot, startReader, test } from "./harness.mjs";

const ADDRESS = /\/api\/v1\/admin\/feeds\?/;
const CAPTION = "Feeds of all workers, what needs attention first";

function feed(symbol, changes = {}) {
  return {
    topic: `bars:crypto:bitstamp:${symbol}:1m`,
    market: "crypto",
    exchange: "bitstamp",
    symbol,
    timeframe: "1m",
    state: "live",
    late: false,
    since: "2026-11-21T12:00:00.000Z",
    holder: "feed-1:4711",
    lag_ms: 420,
    last_message_at: "2026-11-21T12:03:10.580Z",
    listeners: 2,
    budget_left: 10,
    ...changes,
  };
}

function answer(text, feeds, next = null) {
  const late = feeds.filter((each) => each.late).length;
  return {
    worker: 1,
    complete: true,
    connections: 2,
    summary: { total: feeds.length, late, text },
    workers: [{ name: "feed-1:4711", role: "feed", connections: 0, feeds: feeds.length, told_ms_ago: 800 }],
    feeds,
    next,
  };
}

const WELL = answer("All 2 feeds are live.", [feed("BTC/USD"), feed("ETH/USD")]);
const MORE = answer("All 3 feeds are live.", [feed("BTC/USD"), feed("ETH/USD"), feed("XRP/USD")], "1.bars:x");
const STALE = feed("ETH/USD", { state: "stale", late: true, lag_ms: 61_000, holder: null });
const LATE = answer("1 of 2 feeds is late: ETH/USD, 1 minute, on bitstamp.", [STALE, feed("BTC/USD")]);

/** Answer in place of the service, and count the questions. */
async function stand(page) {
  const told = { answer: WELL, asked: [], refuse: false };
  await page.route(ADDRESS, (route) => {
    told.asked.push(new URL(route.request().url()).searchParams.get("cursor"));
    if (told.refuse) return route.abort();
    return route.fulfill({ json: told.answer });
  });
  return told;
}

const rows = (page) => page.locator("#feeds tbody tr").evaluateAll((found) => found.map((row) => [...row.cells].map((cell) => cell.textContent)));

test("the page of feeds shows the feed of the chart and is clean to axe", async (visit) => {
  await visit.open();
  const page = await visit.openPath("/admin/feeds");
  await clean(page, "before");
  await typeIn(visit, page, "#feeds-scroller");
  assert.equal(await focused(page), "summary");
  await page.locator("#feeds tbody th", { hasText: "BTC/USD, 1 minute" }).waitFor();
  const [, exchange, , , , , worker] = (await rows(page)).find(([name]) => name === "BTC/USD, 1 minute");
  assert.equal(exchange, "simex");
  assert.match(worker, /^.+:\d+$/);
  await clean(page, "after");
  await screenshot(page, "feeds", { fullPage: true });
  for (const [table, caption] of [["#feeds", CAPTION], ["#workers", "Workers, and what each of them does"]]) {
    assert.equal(await page.locator(`${table} caption`).textContent(), caption);
    const bare = await page.locator(`${table} thead th:not([scope=col]), ${table} tbody tr > :first-child:not(th[scope=row])`).count();
    assert.equal(bare, 0);
    assert.ok((await page.locator(`${table} tbody tr`).count()) > 0);
  }
  await page.setViewportSize({ width: 320, height: 640 });
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 320), "it reflows at 320 pixels");
});

test("a feed that is late stands first and is heard once, and more feeds are no news", async (visit) => {
  const page = await visit.openPath("/admin/feeds");
  const told = await stand(page);
  const ears = await listen(page);
  await typeIn(visit, page, "#feeds-scroller");
  assert.deepEqual((await rows(page)).map(([name]) => name), ["BTC/USD, 1 minute", "ETH/USD, 1 minute"]);
  // By itself, a few seconds later: one more feed changes the sentence, and nothing is said.
  told.answer = MORE;
  await page.locator("#summary", { hasText: "All 3 feeds are live." }).waitFor();
  assert.deepEqual(await ears.all(), []);
  told.answer = LATE;
  await tabTo(page, "refresh");
  await page.keyboard.press("Enter");
  await ears.until(2);
  // The news, and the answer to the key.
  assert.deepEqual(await ears.all(), [`alert: ${LATE.summary.text}`, `status: ${LATE.summary.text}`]);
  const [first] = await rows(page);
  assert.deepEqual(first.slice(0, 4), ["ETH/USD, 1 minute", "bitstamp", "Late: stale", "1 minute 1 second ago"]);
  assert.equal(first[6], "None");
  await clean(page, "late");
  told.answer = WELL;
  await page.keyboard.press("Enter");
  await ears.until(3);
  assert.ok((await ears.all()).slice(2).every((text) => text === `status: ${WELL.summary.text}`));
  assert.equal(await focused(page), "refresh");
});

test("the page of feeds is paused and turned with the keyboard, and the focus stays", async (visit) => {
  const page = await visit.openPath("/admin/feeds");
  const told = await stand(page);
  const ears = await listen(page);
  told.answer = MORE;
  await typeIn(visit, page, "#feeds-scroller");
  await tabTo(page, "pause");
  await page.keyboard.press("Enter");
  assert.equal(await page.getAttribute("#pause", "aria-pressed"), "true");
  await tabTo(page, "more");
  told.answer = answer("All 3 feeds are live.", [feed("XRP/USD")]);
  await page.keyboard.press("Enter");
  await ears.until(1);
  assert.deepEqual(await ears.all(), ["status: 1 feeds shown."]);
  assert.equal(told.asked.at(-1), "1.bars:x");
  assert.equal(await focused(page), "more");
  assert.equal(await page.getAttribute("#more", "aria-disabled"), "true");
  // A key that has nothing to do does nothing.
  const asked = told.asked.length;
  await page.keyboard.press("Enter");
  await tabTo(page, "first");
  await page.keyboard.press("Enter");
  await ears.until(2);
  assert.deepEqual(told.asked.slice(asked), [null]);
  told.refuse = true;
  await tabTo(page, "refresh").catch(() => page.focus("#refresh"));
  await page.keyboard.press("Enter");
  await page.locator("#problem:not([hidden])").waitFor();
  await ears.until(3);
  assert.match((await ears.all()).at(-1), /^alert: The service cannot be reached/);
  assert.equal(await focused(page), "refresh");
  visit.complaints = visit.complaints.filter((complaint) => !complaint.includes("Failed to load"));
});

test("a screen reader reads the sentence, the caption and the headers of the feeds", async (visit) => {
  const page = await visit.openPath("/admin/feeds", { bypassCSP: true });
  const told = await stand(page);
  told.answer = LATE;
  await typeIn(visit, page, "#feeds-scroller");
  await startReader(page);
  const spoken = await readOn(page, 200);
  const place = (wanted) => {
    const found = spoken.findIndex((phrase) => phrase.includes(wanted));
    assert.ok(found >= 0, `${wanted} is not read in ${JSON.stringify(spoken)}`);
    return found;
  };
  const order = ["heading, Feeds, level 1", LATE.summary.text, "button, Refresh", `caption, ${CAPTION}`, "columnheader, Last message", "rowheader, ETH/USD, 1 minute", "cell, Late: stale"].map(place);
  assert.deepEqual(order, [...order].sort((left, right) => left - right));
});
