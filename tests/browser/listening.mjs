/** What a listener hears: the transcript of a virtual screen reader, and what is spoken when. */

import assert from "node:assert/strict";

import { announcement, CHART, DEADLINE_MS, hear, readerLog, readOn, startReader, test, Wire } from "./harness.mjs";

const PHRASES_BEFORE_SUMMARY_MAX = 15;
const QUIET_AFTER_KEY_MS = 3_000;
const CRITICAL_APART_MS = 500;

test("a listener meets the heading, the summary and the price first and every region by name", async (visit) => {
  const page = await visit.open();
  await page.getByRole("button", { name: "Pause updates" }).click();
  const brief = await page.locator("#brief").textContent();
  const price = await page.locator("#price").textContent();
  await startReader(page);
  const phrases = await readOn(page);
  const transcript = phrases.join("\n");
  const summary = phrases.findIndex((phrase) => phrase.includes(brief));
  assert.ok(summary >= 0, transcript);
  assert.ok(summary < PHRASES_BEFORE_SUMMARY_MAX, `The summary comes as phrase ${summary}.`);
  const order = [
    "heading, AccessibleTrader, level 1",
    brief,
    price,
    "group, Latest announcements",
    "alert",
    "status",
    "heading, Choose a chart, level 2",
    "slider, Chart",
    "heading, In words, level 2",
    "heading, Landmarks, level 2",
    "log, Announcements so far",
    "heading, Table, level 2",
    "caption",
    "columnheader, Time",
    "heading, Help, level 2",
  ];
  let reached = 0;
  for (const wanted of order) {
    const place = phrases.findIndex((phrase, index) => index >= reached && phrase.includes(wanted));
    assert.ok(place >= 0, `"${wanted}" is missing after phrase ${reached}:\n${transcript}`);
    reached = place;
  }
  assert.equal(phrases.filter((phrase) => phrase.startsWith("slider")).length, 1);
  return { phrases: phrases.length, before_summary: summary };
});

test("there are exactly three live regions and the page has them from the start", async (visit) => {
  const source = await (await fetch(visit.url, { headers: { Accept: "text/html" } })).text();
  const live = [
    ...source.matchAll(/role="(alert|status|log|marquee|timer)"|aria-live="(?!off)|<output/g),
  ].map((match) => match[0]);
  assert.deepEqual(live, ['role="alert"', 'role="status"', 'role="log"']);
  const page = await visit.open();
  const roles = await page.evaluate(() =>
    [...document.querySelectorAll("[role=alert],[role=status],[role=log],[aria-live],output")].map(
      (each) => each.id,
    ),
  );
  assert.deepEqual(roles, ["alert", "status", "log"]);
  assert.equal(await page.locator("#log").getAttribute("aria-live"), "off");
});

test("only what is critical interrupts a listener", async (visit) => {
  const wire = new Wire();
  const page = await visit.open({ prepare: (each) => wire.put(each) });
  await startReader(page);
  wire.say(announcement("Bar closed at 60,000.00, up 0.1 percent."));
  await page.locator("#status").getByText("Bar closed").waitFor();
  wire.say(
    announcement("Bitcoin moved up 1.2 percent, to 60,700.00.", { priority: "important", kind: "move" }),
  );
  await page.locator("#status").getByText("moved up").waitFor();
  wire.say(announcement("Alert: Bitcoin rose above 61,000.00.", { priority: "critical", kind: "alert" }));
  await page.locator("#alert").getByText("rose above").waitFor();
  await page.waitForFunction(async () =>
    (await reader.spokenPhraseLog()).some((each) => each.startsWith("assertive: ")),
  );
  const log = await readerLog(page);
  const spoken = log.filter((phrase) => /^(assertive|polite): /.test(phrase));
  assert.deepEqual(
    spoken.filter((phrase) => phrase.startsWith("assertive: ")),
    ["assertive: Alert: Bitcoin rose above 61,000.00."],
  );
  assert.ok(spoken.some((phrase) => phrase.startsWith("polite: Bar closed")));
  assert.deepEqual(
    await page
      .locator("#log-list span")
      .allTextContents()
      .then((texts) => texts.slice(0, 3)),
    [
      "Alert: Bitcoin rose above 61,000.00.",
      "Bitcoin moved up 1.2 percent, to 60,700.00.",
      "Bar closed at 60,000.00, up 0.1 percent.",
    ],
  );
});

test("routine announcements wait three seconds after a key and only the newest is said", async (visit) => {
  const wire = new Wire();
  const page = await visit.open({ prepare: (each) => wire.put(each) });
  const heardStatus = await hear(page, "#status");
  const heardAlert = await hear(page, "#alert");
  await page.locator("#surface").focus();
  const pressedMs = await page.evaluate(() => {
    let atMs = 0;
    addEventListener("keydown", () => (atMs = Date.now()), { capture: true });
    globalThis.lastKeyMs = () => atMs;
    return 0;
  });
  assert.equal(pressedMs, 0);
  await page.keyboard.press("ArrowLeft");
  wire.say(announcement("First routine sentence."));
  wire.say(announcement("A critical sentence.", { priority: "critical", kind: "alert" }));
  wire.say(announcement("Second routine sentence."));
  await page.locator("#status").getByText("Second routine sentence.").waitFor();
  const keyMs = await page.evaluate(() => globalThis.lastKeyMs());
  const [status, alert] = [await heardStatus(), await heardAlert()];
  assert.deepEqual(
    status.map(({ text }) => text),
    ["Second routine sentence."],
  );
  assert.ok(status[0].atMs - keyMs >= QUIET_AFTER_KEY_MS - 20, "It was said too early.");
  assert.ok(alert[0].atMs - keyMs < 1_000, "What is critical had to wait.");
  assert.equal(await page.locator("#log-list", { hasText: "First routine sentence." }).count(), 1);
});

// How many alerts a text stands for: those that it tells, and those that it counts.
function standsFor(text) {
  const counted = Number(/(\d+) more came: see the list of announcements\.$/.exec(text)?.[1] ?? 0);
  return text.match(/Alert number/g).length + counted;
}

async function sendAtOnce(visit, count) {
  const wire = new Wire();
  const page = await visit.open({ prepare: (each) => wire.put(each) });
  const heard = await hear(page, "#alert");
  const sent = Array.from({ length: count }, (_, index) => `Alert number ${index + 1}.`);
  for (const text of sent) wire.say(announcement(text, { priority: "critical", kind: "alert" }));
  const untilMs = Date.now() + DEADLINE_MS;
  const total = async () => (await heard()).reduce((sum, { text }) => sum + standsFor(text), 0);
  while ((await total()) < count) {
    assert.ok(Date.now() < untilMs, JSON.stringify(await heard()));
    await page.waitForTimeout(20);
  }
  const told = await heard();
  told.slice(1).forEach(({ atMs }, index) => assert.ok(atMs - told[index].atMs >= CRITICAL_APART_MS - 20));
  return { page, sent, texts: told.map(({ text }) => text) };
}

test("alerts that come all at once are all said in order and not over each other", async (visit) => {
  const { sent, texts } = await sendAtOnce(visit, 3);
  assert.equal(texts[0], sent[0]);
  assert.equal(texts.join(" "), sent.join(" "));
});

test("of very many alerts the page says the first and how many more there are and the log keeps the newest fifty", async (visit) => {
  const { page, sent, texts } = await sendAtOnce(visit, 60);
  const numbers = texts.flatMap((text) => [...text.matchAll(/number (\d+)/g)].map((match) => Number(match[1])));
  assert.deepEqual(numbers, [...new Set(numbers)].sort((left, right) => left - right));
  assert.equal(
    texts.reduce((sum, text) => sum + standsFor(text), 0),
    sent.length,
  );
  for (const text of texts) assert.ok(text.match(/Alert number/g).length <= 10, text);
  const logged = await page.locator("#log-list span").allTextContents();
  assert.deepEqual(logged, sent.toReversed().slice(0, 50));
});

test("the brief keeps up with the price, and the lists change under nobody's hands", async (visit) => {
  const wire = new Wire();
  let asked = 0;
  const prepare = async (page) => {
    await page.clock.install();
    await wire.put(page);
    await page.route("**/market/describe*", async (route) => {
      const response = await route.fetch();
      const description = await response.json();
      asked += 1;
      description.summary.brief = `Brief number ${asked}.`;
      description.sentences[0].text = `Sentence number ${asked}.`;
      await route.fulfill({ response, json: description });
    });
  };
  const page = await visit.open({ prepare });
  const brief = page.locator("#brief");
  const sentence = page.locator("#sentences li").first();
  const [openTimeMs, open, high, low, close] = await page.evaluate(async (address) => {
    const { ohlcv } = await (await fetch(address)).json();
    return ohlcv.at(-1);
  }, `/market/fetch_ohlcv?${new URLSearchParams({ ...CHART, limit: 2 })}`);
  const pay = (state) =>
    wire.say({
      type: "bar",
      sequence: 1,
      topic: "bars:simulated:simex:BTC/USD:1m",
      offset: "1-1",
      bar: { open_time_ms: openTimeMs, open, high, low, close, volume: 1, state, revision: 0, source: "simulated" },
    });
  const later = async (ms, state) => {
    await page.clock.fastForward(ms);
    pay(state);
  };
  await brief.getByText("Brief number 1.").waitFor();
  const first = await sentence.elementHandle();
  await later(21_000, "forming");
  await brief.getByText("Brief number 2.").waitFor();
  // The price alone changes the brief alone.
  assert.equal(await sentence.textContent(), "Sentence number 1.");
  await page.locator("#landmarks button").first().focus();
  const button = await page.locator("#landmarks button").first().elementHandle();
  await later(21_000, "forming");
  await brief.getByText("Brief number 3.").waitFor();
  await later(11_000, "closed");
  await brief.getByText("Brief number 4.").waitFor();
  assert.equal(await sentence.textContent(), "Sentence number 1.");
  assert.ok(await button.evaluate((each) => document.activeElement === each));
});

test("a chart that the service does not describe says so and makes nothing up", async (visit) => {
  const none = (route) =>
    route.fulfill({
      status: 404,
      contentType: "application/problem+json",
      json: { code: "not_found", detail: "No." },
    });
  const page = await visit.open({ ready: false, prepare: (each) => each.route("**/market/describe*", none) });
  await page.locator("#brief", { hasText: "There is no description of this chart." }).waitFor();
  visit.complaints.length = 0;
  await page.getByText("There are no landmarks of this chart.").waitFor();
  assert.equal(await page.locator("#sentences li").count(), 0);
  assert.ok(await page.locator("#play").isDisabled());
  await page.locator("#surface").focus();
  await page.keyboard.press("s");
  await page.locator("#status", { hasText: "There is no description of this chart." }).waitFor();
  visit.complaints.length = 0;
});

test("dialogs do not silence what is critical", async (visit) => {
  const wire = new Wire();
  const page = await visit.open({ prepare: (each) => wire.put(each) });
  await page.getByRole("button", { name: "Settings" }).click();
  await startReader(page);
  wire.say(announcement("Alert: heard behind the dialog.", { priority: "critical", kind: "alert" }));
  await page.getByRole("alert").getByText("heard behind the dialog").waitFor();
  await page.waitForFunction(async () =>
    (await reader.spokenPhraseLog()).includes("assertive: Alert: heard behind the dialog."),
  );
  assert.equal(await page.evaluate(() => document.activeElement.id), "settings-title");
});

test("sound comes only when it is asked for", async (visit) => {
  const count = (page) => page.evaluate(() => globalThis.contexts ?? 0);
  const prepare = (page) =>
    page.addInitScript(() => {
      globalThis.AudioContext = class extends globalThis.AudioContext {
        constructor(...given) {
          super(...given);
          globalThis.contexts = (globalThis.contexts ?? 0) + 1;
        }
      };
    });
  const page = await visit.open({ prepare });
  await page.locator("#surface").focus();
  await page.keyboard.press("ArrowLeft");
  assert.equal(await count(page), 0);
  await page.locator("#play").click();
  assert.equal(await count(page), 1);
  await page.locator('#stop[aria-disabled="false"]').click();
  await page.locator('#stop[aria-disabled="true"]').waitFor();
});
