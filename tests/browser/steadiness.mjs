/** Nothing that arrives moves the reader, however much of it there is; and what is lost on the way is caught up. */

import assert from "node:assert/strict";

import { CHART, hear, live, longTest, percentile, test, Wire } from "./harness.mjs";

const MINUTE_MS = 60_000;
const LABEL_WITHIN_MS = 50;
const CATCH_UP_WITHIN_MS = 2_000;

// The first to ask for so many may get some of them later.
async function warm(visit, count) {
  const address = `${visit.url}/market/fetch_ohlcv?${new URLSearchParams({ ...CHART, limit: count })}`;
  for (;;) {
    const answer = await (await fetch(address)).json();
    if (!answer.gaps.some((gap) => gap.reason === "unfetched")) return;
  }
}

const bars = (count) => ({ settings: { barsLoaded: count } });

// What the browser hands to assistive technology for the chart, whatever stands in the DOM.
async function chartNodes(page) {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send("Accessibility.getFullAXTree");
  await session.detach();
  const byId = new Map(nodes.map((node) => [node.nodeId, node]));
  const heading = nodes.find((node) => node.role?.value === "heading" && node.name?.value === "Chart");
  const region = byId.get(byId.get(heading.nodeId).parentId);
  const below = (node) =>
    1 + (node.childIds ?? []).reduce((sum, id) => sum + (byId.has(id) ? below(byId.get(id)) : 0), 0);
  return below(region);
}

async function countNodes(page, count) {
  await page.getByRole("button", { name: "Pause updates" }).click();
  await page.locator("#surface").focus();
  const total = Number(await page.locator("#surface").getAttribute("aria-valuemax"));
  assert.ok(total >= count && total <= count + 5, `${total} bars`);
  return chartNodes(page);
}

test("five thousand bars cost assistive technology no more than a hundred, and each is reached and said while prices change", async (visit) => {
  await warm(visit, 5_000);
  const page = await visit.open(bars(5_000));
  await page.locator("#surface").focus();
  await page.keyboard.press("Home");
  const { delays, labels, total } = await page.evaluate(async () => {
    const surface = document.querySelector("#surface");
    const total = Number(surface.getAttribute("aria-valuemax"));
    const key = (name) =>
      surface.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
    const delays = [];
    const labels = new Set([surface.getAttribute("aria-valuetext")]);
    for (let count = 1; count < total; count += 1) {
      const began = performance.now();
      key("ArrowRight");
      labels.add(surface.getAttribute("aria-valuetext"));
      delays.push(performance.now() - began);
      // Let what waits be done: live updates and drawing go on in between.
      if (count % 50 === 0) await new Promise((resolve) => requestAnimationFrame(resolve));
    }
    return { delays, labels: labels.size, total };
  });
  assert.ok(total >= 5_000);
  assert.equal(labels, total, "Two bars said the same.");
  const p95 = percentile(delays, 0.95);
  assert.ok(p95 < LABEL_WITHIN_MS, `95 of 100 labels within ${p95} ms`);
  const nodes = { 5_000: await countNodes(page, 5_000), 100: await countNodes(await visit.open(bars(100)), 100) };
  assert.equal(nodes[5_000], nodes[100]);
  return { bars: total, nodes, p50_ms: percentile(delays, 0.5), p95_ms: p95 };
});

test("a key has its answer at once at ten updates a second", async (visit) => {
  const wire = new Wire();
  const page = await visit.open({ ...bars(5_000), prepare: (each) => wire.put(each) });
  const stop = flow(wire, await lastBar(page), 100);
  await page.locator("#surface").focus();
  await page.evaluate(() => {
    const surface = document.querySelector("#surface");
    globalThis.delays = [];
    let pressedMs = 0;
    addEventListener("keydown", () => (pressedMs = performance.now()), { capture: true });
    new MutationObserver(() => globalThis.delays.push(performance.now() - pressedMs)).observe(surface, {
      attributeFilter: ["aria-valuetext"],
    });
  });
  for (let count = 0; count < 60; count += 1) await page.keyboard.press(count % 5 ? "ArrowLeft" : "PageUp");
  await stop();
  const delays = await page.evaluate(() => globalThis.delays);
  assert.equal(delays.length, 60);
  const p95 = percentile(delays, 0.95);
  assert.ok(p95 < LABEL_WITHIN_MS, `95 of 100 labels within ${p95} ms`);
  return { p50_ms: percentile(delays, 0.5), p95_ms: p95 };
});

async function lastBar(page) {
  const query = new URLSearchParams({ ...CHART, limit: 5 });
  const answer = await page.request.get(new URL(`/market/fetch_ohlcv?${query}`, page.url()).href);
  return (await answer.json()).ohlcv.at(-1);
}

// Send bars of our own, so many milliseconds apart; each fifth closes and the next opens.
function flow(wire, [openTimeMs, , , , close], everyMs) {
  let count = 0;
  let time = openTimeMs;
  const timer = setInterval(() => {
    count += 1;
    const price = Number((close * (1 + Math.sin(count / 7) / 100)).toFixed(2));
    const closes = count % 5 === 0;
    wire.say({
      type: "bar",
      sequence: count,
      topic: "bars:simulated:simex:BTC/USD:1m",
      offset: `${time}-${count}`,
      bar: {
        open_time_ms: time,
        open: close,
        high: Math.max(price, close),
        low: Math.min(price, close),
        close: price,
        volume: 1,
        state: closes ? "closed" : "forming",
        revision: 0,
        source: "simulated",
      },
    });
    if (closes) time += MINUTE_MS;
  }, everyMs);
  return async () => {
    clearInterval(timer);
    return count;
  };
}

async function watchForMoves(page) {
  await page.evaluate(() => {
    const surface = document.querySelector("#surface");
    const moves = (globalThis.moves = []);
    for (const name of ["focusin", "focusout"])
      addEventListener(name, (event) => moves.push(`${name} ${event.target.id}`));
    new MutationObserver((changes) => {
      for (const change of changes)
        moves.push(`${change.attributeName} ${surface.getAttribute(change.attributeName)}`);
    }).observe(surface, { attributes: true });
    addEventListener("scroll", () => moves.push("scroll"), { capture: true });
  });
  return () => page.evaluate(() => globalThis.moves);
}

async function stay(visit, durationMs, everyMs) {
  const wire = new Wire();
  const page = await visit.open({ prepare: (each) => wire.put(each) });
  await page.locator("#surface").focus();
  for (const key of ["ArrowLeft", "ArrowLeft", "ArrowDown"]) await page.keyboard.press(key);
  const moves = await watchForMoves(page);
  const rows = await page.locator("#table tbody").innerText();
  const stop = flow(wire, await lastBar(page), everyMs);
  await page.waitForTimeout(durationMs);
  const updates = await stop();
  assert.deepEqual(await moves(), [], "Something moved without a key.");
  assert.equal(await page.locator("#table tbody").innerText(), rows, "The table changed under the reader.");
  assert.match(await page.locator("#table-refresh").textContent(), /^Show [\d,]+ new bars?$/);
  assert.ok(updates >= durationMs / everyMs / 2);
  return { updates, moves: 0, seconds: durationMs / 1_000 };
}

test("while sixty updates arrive nothing moves without a key", (visit) => stay(visit, 1_200, 20));

longTest("for ten minutes of ten updates a second nothing moves without a key", (visit) =>
  stay(visit, 600_000, 100),
);

test("a focused button of the table keeps the focus while bars arrive", async (visit) => {
  const wire = new Wire();
  const page = await visit.open({ prepare: (each) => wire.put(each) });
  const stop = flow(wire, await lastBar(page), 20);
  await page.locator("#table-refresh:not(:disabled)").waitFor();
  await page.locator("#table-refresh").focus();
  await page.keyboard.press("Enter");
  await page.locator("#table-refresh", { hasText: /new bar/ }).waitFor();
  await stop();
  assert.equal(await page.evaluate(() => document.activeElement.id), "table-refresh");
});

async function dropped(visit, awayMs) {
  const wire = new Wire();
  const page = await visit.open({ chart: { ...CHART, timeframe: "1s" }, prepare: (each) => wire.put(each) });
  const heardStatus = await hear(page, "#status");
  const heardAlert = await hear(page, "#alert");
  wire.cut();
  await page.locator("#connection", { hasText: "Connection lost." }).waitFor();
  await page.waitForTimeout(awayMs);
  const before = wire.opened;
  wire.heal();
  const healedMs = Date.now();
  // What a browser does when its network is there again.
  await page.evaluate(() => dispatchEvent(new Event("online")));
  await page.locator("#log-list li", { hasText: "Connected again." }).waitFor();
  await page.locator("#status", { hasText: "You were away" }).waitFor();
  // Were there a second one, it would come before the bars that follow.
  const bars = wire.bars;
  while (wire.bars < bars + 2) await page.waitForTimeout(20);
  assert.ok(new URL(wire.addresses.at(-1)).searchParams.get("since"), "It did not resume from its position.");
  assert.equal(wire.opened, before + 1);
  const told = wire.announced.filter(({ kind }) => kind === "catch_up");
  assert.equal(told.length, 1, JSON.stringify(told));
  const heard = [...(await heardStatus()), ...(await heardAlert())];
  const spoken = heard.filter(({ text }) => text.includes(told[0].text));
  assert.equal(spoken.length, 1, "The catch-up was not said once.");
  const afterMs = spoken[0].atMs - healedMs;
  assert.ok(afterMs < CATCH_UP_WITHIN_MS, `The catch-up came after ${afterMs} ms.`);
  const texts = heard.map(({ text }) => text).join(" ");
  assert.equal(texts.match(/Connection lost\./g)?.length, 1, texts);
  assert.equal(texts.match(/Connected again\./g)?.length, 1, texts);
  assert.deepEqual(await holes(page), [], "Bars are missing after the break.");
  await covers(visit, told[0].cover);
  await live(page);
  return { away_s: awayMs / 1_000, said_after_ms: afterMs, text: told[0].text };
}

// No price that history knows of that time lies outside of what was told.
async function covers(visit, { high, low, from_ms: fromMs, to_ms: toMs }) {
  const whole = { since: Math.ceil(fromMs / 1_000) * 1_000, until: Math.floor(toMs / 1_000) * 1_000 };
  const query = new URLSearchParams({ ...CHART, timeframe: "1s", ...whole, limit: 200 });
  const { ohlcv } = await (await fetch(`${visit.url}/market/fetch_ohlcv?${query}`)).json();
  assert.ok(ohlcv.length > 0);
  for (const [time, , top, bottom] of ohlcv) {
    assert.ok(
      top <= Number(high) && bottom >= Number(low),
      `${time}: ${bottom} to ${top} is not within ${low} to ${high}.`,
    );
  }
}

async function holes(page) {
  await page.locator("#table-refresh:not(:disabled)").click();
  const times = await page
    .locator("#table tbody time")
    .evaluateAll((all) => all.map((each) => Date.parse(each.dateTime)));
  return times.slice(1).filter((time, index) => times[index] - time !== 1_000);
}

test("after a dropped connection the page resumes and tells once what was missed", (visit) =>
  dropped(visit, 2_500));

longTest("after a minute without a connection the page tells once what was missed", (visit) =>
  dropped(visit, 60_000),
);
