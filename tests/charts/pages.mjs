/** The pages of docs/charts.md: their charts hold the bars that the service gave, and axe finds nothing wrong. */

import assert from "node:assert/strict";

import { judge, longTest, screenshot, test, Wire } from "../browser/harness.mjs";

const PLACE = { market: "simulated", exchange: "simex", symbol: "BTC/USD" };
const SECOND_MS = 1_000;
const LIVE_BARS = 1;
// Whether the pair is named or only the coin depends on how long the price and its change take to say.
const SUMMARY = /^Bitcoin( in US dollars)?(, bars of [^:]+)?: [\d,.]+(, .+)?\.$/;
// Text above a drawing, and a label of Highcharts' own credits, which axe leaves to people.
const UNDECIDED = ["color-contrast", "aria-prohibited-attr"];

async function open(visit, name, query = {}, wire = null) {
  const page = await visit.open({ chart: null, ready: false });
  if (wire) await wire.put(page);
  await page.goto(`${visit.url}/${name}?${new URLSearchParams(query)}`);
  return page;
}

async function clean(page, name) {
  const { violations, incomplete } = await judge(page);
  await screenshot(page, `chart-${name}`);
  assert.deepEqual(violations, [], name);
  assert.deepEqual(incomplete.filter(({ rule }) => !UNDECIDED.includes(rule)), [], name);
}

async function said(page, words) {
  await page.locator("#state", { hasText: words }).waitFor();
}

/** Compare rows of a chart, but for the newest, with what the service says of the same span; return their number. */
async function same(visit, drawn, timeframe) {
  const service = await (await fetch(`${visit.url}/service.txt`)).text();
  const times = drawn.map(([time]) => time);
  const query = { ...PLACE, timeframe, since: times[0], until: times.at(-1), limit: 5_000 };
  const answer = await (await fetch(`${service}/market/fetch_ohlcv?${new URLSearchParams(query)}`)).json();
  assert.deepEqual(drawn.slice(0, -1), answer.ohlcv);
  return answer.ohlcv.length;
}

const HIGHCHARTS = {
  newest: "Highcharts.charts[0]?.series[0]?.getColumn('x').at(-1)",
  rows() {
    const [prices, volumes] = Highcharts.charts[0].series;
    const columns = ["x", "open", "high", "low", "close"].map((name) => [...prices.getColumn(name)]);
    const amounts = new Map([...volumes.getColumn("x")].map((time, row) => [time, volumes.getColumn("y")[row]]));
    return columns[0].map((time, row) => [...columns.map((column) => column[row]), amounts.get(time)]);
  },
};
const LIGHTWEIGHT = {
  newest: "charts.candles.data().at(-1).time * 1000",
  rows() {
    const amounts = new Map(charts.volumes.data().map(({ time, value }) => [time, value]));
    const bars = charts.candles.data().filter((bar) => "open" in bar);
    return bars.map(({ time, open, high, low, close }) => [time * 1000, open, high, low, close, amounts.get(time)]);
  },
};

/** Wait until so many bars of a second have closed after the newest one of now. */
async function closed(page, chart) {
  const after = (await page.evaluate(chart.newest)) + LIVE_BARS * SECOND_MS;
  await page.waitForFunction(`${chart.newest} > ${after}`);
}

test("Highcharts' data module reads the same bars by rows, by columns and by lines", async (visit) => {
  const readings = ["rows", "columns", "csv"].map(async (format) => {
    const page = await open(visit, "highcharts-data.html", { format });
    await page.waitForFunction(`${HIGHCHARTS.newest} > 0`);
    const names = await page.evaluate(() => Highcharts.charts[0].series.map(({ name }) => name));
    assert.deepEqual(names.slice(0, 2), ["BTC/USD price in dollars", "BTC/USD volume in bitcoin"]);
    assert.equal(names.length, 3, "the two and the navigator's own");
    if (format === "rows") await clean(page, "data-module");
    return same(visit, await page.evaluate(HIGHCHARTS.rows), "1h");
  });
  const compared = (await Promise.all(readings)).reduce((sum, count) => sum + count);
  return { compared };
});

test("Highcharts holds the bars of what is looked at, and they go on live", async (visit) => {
  const page = await open(visit, "highcharts.html", { days: 1 });
  await said(page, "Bars of 5m. Live.");
  let compared = await same(visit, await page.evaluate(HIGHCHARTS.rows), "5m");
  await page.getByRole("button", { name: "The last 10 minutes" }).click();
  await said(page, "Bars of 1s. Live.");
  compared += await same(visit, await page.evaluate(HIGHCHARTS.rows), "1s");
  await closed(page, HIGHCHARTS);
  compared += await same(visit, await page.evaluate(HIGHCHARTS.rows), "1s");
  // Both at one moment: a bar may come between two questions.
  const [{ min, max }, newest] = await page.evaluate(
    `[Highcharts.charts[0].xAxis[0].getExtremes(), ${HIGHCHARTS.newest}]`,
  );
  assert.equal(max, newest, "the view ends with the newest bar");
  assert.equal(max - min, 600_000, "and is as wide as it was");
  // Back to hours that are over: no bar of now may follow.
  const start = min - 20 * 3_600_000;
  await page.evaluate(
    (from) => Highcharts.charts[0].xAxis[0].setExtremes(from, from + 7_200_000, true, false, { trigger: "pan" }),
    start,
  );
  await said(page, "Bars of 15s. These bars are over.");
  const over = await page.evaluate(HIGHCHARTS.rows);
  assert.ok(over[0][0] >= start && over.at(-1)[0] <= start + 7_200_000);
  compared += await same(visit, over, "15s");
  // Now that nothing moves: what Highcharts says to screen readers is made anew with every live bar.
  await clean(page, "highcharts");
  return { compared };
});

test("Lightweight Charts goes on live and back to older bars", async (visit) => {
  const page = await open(visit, "lightweight.html", { timeframe: "1s" });
  await said(page, /Live/);
  let compared = await same(visit, await page.evaluate(LIGHTWEIGHT.rows), "1s");
  await closed(page, LIGHTWEIGHT);
  compared += await same(visit, await page.evaluate(LIGHTWEIGHT.rows), "1s");
  await page.getByRole("button", { name: "Load older bars" }).click();
  await said(page, "Bars since");
  const rows = await page.evaluate(LIGHTWEIGHT.rows);
  assert.ok(rows.length > 1_000, `${rows.length} bars`);
  compared += await same(visit, rows, "1s");
  assert.match(await page.locator("#summary").textContent(), SUMMARY);
  assert.ok((await page.locator("#sentences li").count()) > 3);
  assert.equal(await page.locator("footer a").getAttribute("href"), "https://www.tradingview.com/");
  await clean(page, "lightweight");
  return { compared };
});

test("a client of UDF holds the same bars, asks for what is new, and goes back", async (visit) => {
  const page = await open(visit, "udf.html", { resolution: "1S", every_ms: 500 });
  await said(page, "300 bars.");
  let compared = await same(visit, await page.evaluate(LIGHTWEIGHT.rows), "1s");
  await closed(page, LIGHTWEIGHT);
  await page.getByRole("button", { name: "Load older bars" }).click();
  await page.waitForFunction(() => charts.candles.data().length > 600);
  compared += await same(visit, await page.evaluate(LIGHTWEIGHT.rows), "1s");
  assert.match(await page.locator("#summary").textContent(), SUMMARY);
  assert.ok((await page.locator("#marks li").count()) > 0);
  await clean(page, "udf");
  await page.getByLabel("Bars of").selectOption("60");
  await page.getByRole("button", { name: "Show" }).click();
  await page.waitForFunction(() => document.title.endsWith("bars of 60") && charts.candles.data().length === 300);
  compared += await same(visit, await page.evaluate(LIGHTWEIGHT.rows), "1h");
  return { compared };
});

longTest("after a broken line the charts of Highcharts and Lightweight Charts have no hole", async (visit) => {
  const broken = async (name, query, chart) => {
    const wire = new Wire();
    const page = await open(visit, name, query, wire);
    await said(page, /Live/);
    const newest = await page.evaluate(chart.newest);
    wire.cut();
    await said(page, "Not live");
    wire.heal();
    await page.waitForFunction(`${chart.newest} > ${newest + 4 * SECOND_MS}`);
    await closed(page, chart);
    assert.ok(wire.opened > 1);
    return same(visit, await page.evaluate(chart.rows), "1s");
  };
  const counts = await Promise.all([
    broken("highcharts.html", { days: 0.01 }, HIGHCHARTS),
    broken("lightweight.html", { timeframe: "1s" }, LIGHTWEIGHT),
  ]);
  return { compared: counts[0] + counts[1] };
});
