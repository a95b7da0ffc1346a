/** What goes wrong on the way to the page: it is told, it is mended, and nobody loses their place by it. */

import assert from "node:assert/strict";

import { CHART, hear, live, test, Wire } from "./harness.mjs";

const BUSY = { code: "unavailable", detail: "Not now." };
const AWAY_MS = 6_000;
const SECONDS = { ...CHART, timeframe: "1s" };
const EPOCH = "another";

const refuse = (route) => route.fulfill({ status: 503, contentType: "application/problem+json", json: BUSY });
const isForMissed = (url) => url.pathname === "/market/fetch_ohlcv" && url.searchParams.has("since");

/** Return what is said of the newest bars, that one first. */
async function walkBack(page, count) {
  await page.locator("#surface").focus();
  await page.keyboard.press("End");
  const said = [];
  for (let left = count; left > 0; left -= 1) {
    said.push(await page.locator("#surface").getAttribute("aria-valuetext"));
    await page.keyboard.press("ArrowLeft");
  }
  return said;
}

async function missSomeBars(visit, answer) {
  const wire = new Wire();
  const page = await visit.open({ chart: SECONDS, prepare: (each) => wire.put(each) });
  wire.cut();
  await page.locator("#connection", { hasText: "Connection lost." }).waitFor();
  await page.waitForTimeout(AWAY_MS);
  await page.route(isForMissed, answer);
  // As after a loss of the log: a snapshot and no replay.
  await page.evaluate(() => {
    const known = globalThis.WebSocket;
    globalThis.WebSocket = class extends known {
      constructor(address) {
        const place = new URL(address);
        place.searchParams.delete("since");
        super(place);
      }
    };
  });
  wire.heal();
  await page.evaluate(() => dispatchEvent(new Event("online")));
  await page.locator("#log-list li", { hasText: "Connected again." }).waitFor();
  return page;
}

test("a hole that history cannot fill yet is told at its bar", async (visit) => {
  const page = await missSomeBars(visit, refuse);
  await page.locator("#log-list li", { hasText: "Not now." }).waitFor();
  const said = await walkBack(page, 8);
  assert.equal(said.filter((text) => text.includes("were not fetched yet")).length, 1, said.join("\n"));
  visit.complaints.length = 0;
});

test("a hole is asked for again until history has filled it", async (visit) => {
  let asked = 0;
  const page = await missSomeBars(visit, (route) => {
    asked += 1;
    return asked < 3 ? refuse(route) : route.continue();
  });
  const missed = await page.waitForResponse((response) => isForMissed(new URL(response.url())) && response.ok());
  await missed.finished();
  assert.equal(asked, 3);
  const said = await walkBack(page, 20);
  assert.ok(!said.join("\n").includes("not fetched"), said.join("\n"));
  visit.complaints.length = 0;
});

test("Try again tries what was asked for, and leads to it", async (visit) => {
  const page = await visit.open();
  let failing = true;
  await page.route(
    (url) => url.pathname === "/market/fetch_ohlcv" && url.searchParams.get("symbol") === "ETH/USD",
    (route) => (failing ? refuse(route) : route.continue()),
  );
  await page.locator("#symbol").selectOption("ETH/USD");
  await page.getByRole("button", { name: "Show chart" }).click();
  await page.locator("#problem-text", { hasText: "Not now." }).waitFor();
  failing = false;
  await page.getByRole("button", { name: "Try again" }).focus();
  await page.keyboard.press("Enter");
  await page.locator("#instrument", { hasText: "Ether" }).waitFor();
  await live(page);
  assert.ok(await page.locator("#problem").isHidden());
  assert.equal(await page.evaluate(() => document.activeElement.id), "surface");
  visit.complaints.length = 0;
});

test("a language that cannot be loaded leaves the page in English and alive", async (visit) => {
  const page = await visit.open({
    locale: "de",
    prepare: (each) => each.route("**/web/locales/de.js", (route) => route.abort()),
  });
  assert.equal(await page.locator("html").getAttribute("lang"), "en");
  visit.complaints.length = 0;
});

test("whoever chooses a language stays at the choice, and where they were in the chart", async (visit) => {
  const page = await visit.open();
  await page.locator("#surface").focus();
  await page.keyboard.press("Home");
  const stood = await page.locator("#surface").getAttribute("aria-valuenow");
  await page.getByRole("button", { name: "Settings" }).click();
  await page.locator("#setting-locale").focus();
  await page.locator("#setting-locale").selectOption("fr");
  await page.locator('html[lang="fr"]').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), "setting-locale");
  assert.equal(await page.locator("#surface").getAttribute("aria-valuenow"), stood);
});

test("a number that does not fit is marked as wrong, and kept out", async (visit) => {
  const page = await visit.open();
  await page.getByRole("button", { name: "Settings" }).click();
  const words = page.locator("#setting-wordsPerMinute");
  await words.fill("9000");
  await page.keyboard.press("Tab");
  assert.equal(await words.getAttribute("aria-invalid"), "true");
  await words.fill("178");
  await page.keyboard.press("Tab");
  assert.equal(await words.getAttribute("aria-invalid"), "false");
  const kept = await page.evaluate(() => JSON.parse(localStorage.getItem("accessibletrader.settings")).wordsPerMinute);
  assert.equal(kept, 178);
});

test("what the service refuses to the line is said, and once however often it is tried", async (visit) => {
  const sentence = "You follow too many topics. End one first.";
  const wire = new Wire();
  const page = await visit.open({ prepare: (each) => wire.put(each) });
  const heard = await hear(page, "#status");
  for (let times = 3; times > 0; times -= 1) wire.say({ type: "error", code: "too_many_topics", detail: sentence });
  await page.locator("#status", { hasText: sentence }).waitFor();
  assert.equal((await heard()).filter(({ text }) => text.includes(sentence)).length, 1);
  assert.equal(await page.locator("#log-list li", { hasText: sentence }).count(), 1);
});
