/** What the page shows is what the service says: the table, the words, the languages, the account. */

import assert from "node:assert/strict";

import { CHART, giveAccount, live, screenshot, signIn, test } from "./harness.mjs";

const FIELDS = ["open", "high", "low", "close", "volume"];
const CODES = ["en", "de", "fr", "pl", "ja", "ar"];
const COUNTS = [0, 1, 2, 3, 5, 11, 21, 100];

async function cells(page) {
  return page.locator("#table tbody tr").evaluateAll((rows) =>
    rows.map((row) => ({
      time: Date.parse(row.querySelector("time").dateTime),
      values: [...row.querySelectorAll("data")].map((each) => each.value),
      texts: [...row.querySelectorAll("data")].map((each) => each.textContent),
      state: row.lastElementChild.textContent,
    })),
  );
}

test("each cell of the table is what the service says", async (visit) => {
  const chart = { ...CHART, symbol: "PEPE/USDT", timeframe: "5m" };
  const page = await visit.open({ chart, settings: { barsLoaded: 100, rowsPerPage: 25 } });
  await page.getByRole("button", { name: "Pause updates" }).click();
  const shown = await cells(page);
  while (await page.locator("#table-older:not([aria-disabled]):not(:disabled)").count()) {
    await page.locator("#table-older").click();
    shown.push(...(await cells(page)));
  }
  const query = new URLSearchParams({ ...chart, format: "native", since: shown.at(-1).time, limit: 200 });
  const answer = await (await fetch(`${visit.url}/market/fetch_ohlcv?${query}`)).json();
  const closed = new Map(answer.bars.map((bar) => [bar.open_time_ms, bar]));
  let compared = 0;
  for (const row of shown) {
    const bar = closed.get(row.time);
    assert.ok(bar, `The service has no bar of ${row.time}.`);
    if (bar.state === "forming" || row.state === "forming") continue;
    assert.deepEqual(
      row.values,
      FIELDS.map((field) => bar[field]),
    );
    // Read as a person reads it, with the digits of the price step and no other value.
    row.texts.forEach((text, index) => {
      assert.equal(Number(text.replaceAll(",", "")), Number(bar[FIELDS[index]]));
      if (index < 4) assert.match(text, /^\d+\.\d{8}$/);
    });
    compared += 1;
  }
  assert.ok(compared >= 95, `${compared} rows`);
  assert.ok((await page.locator("#csv").getAttribute("href")).includes("format=csv"));
  return { rows: compared, cells: compared * FIELDS.length };
});

test("what is said of the chart is what the service says of it", async (visit) => {
  const page = await visit.open();
  const answer = await page.request.get(
    new URL(
      `/market/describe?${new URLSearchParams({ ...CHART, limit: 100, locale: "en", time_zone: "UTC" })}`,
      page.url(),
    ).href,
  );
  const description = await answer.json();
  assert.equal(await page.locator("#sentences li").count(), description.sentences.length);
  const first = await page.locator("#sentences li").first().textContent();
  assert.equal(first.split(":")[0], description.sentences[0].text.split(":")[0]);
  assert.match(
    await page.locator("#brief").textContent(),
    /^Bitcoin( in US dollars)?(, bars of 1 minute)?: [\d,]+\.\d\d, (up|down) [\d.]+ percent\.$/,
  );
});

test("every language has every text with its forms and its places", async () => {
  const catalogs = Object.fromEntries(
    await Promise.all(
      CODES.map(async (code) => [code, (await import(`../../web/locales/${code}.js`)).default]),
    ),
  );
  const placesOf = (text) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();
  for (const [code, catalog] of Object.entries(catalogs)) {
    assert.deepEqual(Object.keys(catalog), Object.keys(catalogs.en), code);
    const forms = new Intl.PluralRules(code).resolvedOptions().pluralCategories;
    for (const [key, english] of Object.entries(catalogs.en)) {
      const own = catalog[key];
      assert.equal(typeof own, typeof english, `${code} ${key}`);
      if (typeof own === "string") {
        assert.deepEqual(placesOf(own), placesOf(english), `${code} ${key}`);
        assert.ok(own.trim(), `${code} ${key}`);
        continue;
      }
      assert.deepEqual(Object.keys(own).sort(), [...forms].sort(), `${code} ${key}`);
      // A form for one or two may say the number as a word.
      const others = placesOf(english.other).filter((name) => name !== "count");
      for (const form of Object.values(own))
        assert.deepEqual(
          placesOf(form).filter((name) => name !== "count"),
          others,
          `${code} ${key}`,
        );
      for (const count of COUNTS)
        assert.ok(own[new Intl.PluralRules(code).select(count)], `${code} ${key} ${count}`);
    }
    if (code === "en") continue;
    const words = (text) => text.replace(/\{\w+\}|AccessibleTrader/g, "").match(/\p{L}{3,}/gu) ?? [];
    const same = Object.keys(catalog).filter(
      (key) =>
        typeof catalog[key] === "string" &&
        catalog[key] === catalogs.en[key] &&
        words(catalog[key]).length > 2,
    );
    assert.deepEqual(same, [], `${code} has English in it.`);
  }
  return { locales: CODES.length, texts: Object.keys(catalogs.en).length };
});

test("the English of the page before its script is that of the catalog", async (visit) => {
  const { default: english } = await import("../../web/locales/en.js");
  const source = await (await fetch(visit.url, { headers: { Accept: "text/html" } })).text();
  const texts = [...source.matchAll(/data-say="(\w+)"[^>]*>([^<]*)</g)];
  const labels = [...source.matchAll(/aria-label="([^"]*)" data-say-label="(\w+)"/g)];
  assert.ok(texts.length > 30 && labels.length > 1);
  for (const [, key, text] of texts) assert.equal(text, english[key], key);
  for (const [, text, key] of labels) assert.equal(text, english[key], key);
});

test("the page speaks the language of the browser and leaves no English behind", async (visit) => {
  const { default: english } = await import("../../web/locales/en.js");
  const sentences = Object.values(english).filter(
    (text) => typeof text === "string" && text.length > 12 && !text.includes("{"),
  );
  const speaks = async (code) => {
    const page = await visit.open({ locale: code, ready: false });
    await page.locator(`html[lang="${code}"]`).waitFor();
    await page.locator('#connection-mark[data-state="live"]').waitFor();
    await page.locator("#landmarks button").first().waitFor();
    await page.locator("#open-settings").click();
    const text = await page.locator("body").innerText();
    const left = sentences.filter((sentence) => text.includes(sentence));
    assert.deepEqual(left, [], code);
    assert.equal(await page.locator("html").getAttribute("dir"), code === "ar" ? "rtl" : "ltr");
    assert.equal(await page.locator("#brief").getAttribute("lang"), code);
    await page.keyboard.press("Escape");
    await screenshot(page, `language-${code}`, {});
  };
  await Promise.all(CODES.slice(1).map(speaks));
});

test("an admin signs in and sees the users and nothing is kept in the browser", async (visit) => {
  const page = await visit.open();
  const { username, password } = visit.accounts;
  await giveAccount(page, { username, password: "a sentence that is wrong" });
  await page.locator("#account-problem", { hasText: "not right" }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), "account-problem");
  visit.complaints.length = 0;
  await page.getByLabel("Password").fill(password);
  await page.keyboard.press("Enter");
  await page.getByText(`You are signed in as ${username}.`).waitFor();
  await page.getByText(`${username}, admin`).waitFor();
  const kept = await page.evaluate(
    () => JSON.stringify({ ...localStorage, ...sessionStorage }) + document.cookie,
  );
  assert.ok(!/token|eyJ/.test(kept), kept);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.locator("#open-account", { hasText: "Sign in" }).waitFor();
});

test("a price alert is made and fires and is deleted", async (visit) => {
  const page = await visit.open({ chart: { ...CHART, symbol: "ETH/USD", timeframe: "1s" } });
  await page.getByRole("button", { name: "Add a price alert" }).click();
  await signIn(page, visit.accounts, page.getByRole("dialog"));
  await page.getByRole("button", { name: "Add a price alert" }).click();
  const make = async (condition, fields) => {
    await page.getByLabel("Condition").selectOption(condition);
    for (const [label, text] of Object.entries(fields)) {
      await page.getByLabel(label, { exact: true }).fill(text);
    }
    await page.getByRole("button", { name: "Make the alert" }).click();
    await page.locator("#alert-outcome", { hasText: "The alert is set." }).waitFor();
  };
  await make("cross_above", { Price: "1000000" });
  // So small a move comes within seconds.
  await make("percent_in_window", { Percent: "0.001", "Within how many minutes": "15" });
  await page.locator("#alert-dialog li", { hasText: "ETH/USD rises above 1,000,000" }).waitFor();
  await page.locator("#alert-dialog li", { hasText: "ETH/USD moves by 0.001 percent within 15 minutes" }).waitFor();
  await page
    .getByRole("alert")
    .locator("span", { hasText: /^Alert\./ })
    .waitFor();
  await screenshot(page, "alert-fired", {});
  const spoken = await page.getByRole("alert").textContent();
  assert.match(spoken, /^Alert\. Ether in US dollars: (up|down) 0\.\d+ percent within 15 minutes, to \d,\d{3}\.\d{2}\.$/);
  for (let count = 2; count > 0; count -= 1) {
    await page
      .getByRole("button", { name: /^Delete ETH/ })
      .first()
      .click();
    await page.locator("#alert-outcome", { hasText: "The alert is deleted." }).waitFor();
    await page.waitForFunction(
      (left) => document.querySelectorAll("#alert-dialog li").length === left,
      count - 1,
    );
  }
  return { spoken };
});

test("a market that cannot be reached is told and another is offered", async (visit) => {
  const page = await visit.open({ chart: { ...CHART, symbol: "NONE/USD" }, ready: false });
  await page.locator("#problem-text", { hasText: "There is no symbol NONE/USD." }).waitFor();
  visit.complaints.length = 0;
  await page.getByRole("button", { name: "Show the simulated market" }).click();
  await live(page);
  assert.ok(await page.locator("#problem").isHidden());
  assert.match(page.url(), /BTC%2FUSD/);
});
