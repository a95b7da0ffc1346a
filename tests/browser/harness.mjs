/** What the tests of the page share: a browser, pages in it, and ways to listen to them. */

import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const require = createRequire(import.meta.url);
const HERE = path.dirname(fileURLToPath(import.meta.url));
const OUTPUT = path.join(HERE, "output");
const AXE = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const READER = fs.readFileSync(
  path.join(HERE, "node_modules/@guidepup/virtual-screen-reader/lib/esm/index.browser.js"),
  "utf8",
);
// Chromium would ask its maker's servers for updates and the like.
const FLAGS = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--autoplay-policy=document-user-activation-required",
];

export const DEADLINE_MS = 15_000;
// Fewer bars and rows than people have, so that a test does not wait for what it does not need.
const QUICK = { barsLoaded: 100, rowsPerPage: 25 };

export const CHART = { market: "simulated", exchange: "simex", symbol: "BTC/USD", timeframe: "1m" };

const found = new Map();

/** Declare a test; what it returns is kept as its figures. */
export function test(name, body) {
  found.set(name, body);
}

/** Declare one that takes minutes and runs only where it is named. */
export const longTest = test;

export function testNamed(name) {
  return found.get(name);
}

export async function launch(executablePath) {
  const args = process.getuid?.() === 0 ? [...FLAGS, "--no-sandbox"] : FLAGS;
  return chromium.launch({ executablePath, args });
}

/** One test's own browser window and what went wrong in it. */
export class Visit {
  #browser;
  #contexts = [];
  complaints = [];

  constructor(browser, url, accounts) {
    this.#browser = browser;
    this.url = url;
    this.accounts = accounts;
  }

  /** Open the page at a chart; context options are those of Playwright. */
  async open({
    chart = CHART,
    path = "/",
    settings = {},
    prepare = null,
    ready = true,
    waitUntil = "load",
    deadlineMs = DEADLINE_MS,
    ...options
  } = {}) {
    const context = await this.#browser.newContext({
      viewport: { width: 1280, height: 900 },
      locale: "en-GB",
      timezoneId: "UTC",
      bypassCSP: true,
      ...options,
    });
    this.#contexts.push(context);
    context.setDefaultTimeout(deadlineMs);
    const page = await context.newPage();
    page.on("pageerror", (error) => this.complaints.push(`error: ${error.message}`));
    page.on("console", (message) => {
      if (message.type() === "error" && !message.text().includes("ERR_"))
        this.complaints.push(message.text());
    });
    await page.addInitScript(
      (kept) => {
        if (!localStorage.getItem("accessibletrader.settings")) {
          localStorage.setItem("accessibletrader.settings", JSON.stringify(kept));
        }
      },
      { ...QUICK, ...settings },
    );
    if (prepare) await prepare(page);
    await page.goto(`${this.url}${path}${chart ? `?${new URLSearchParams(chart)}` : ""}`, { waitUntil });
    if (ready) await live(page);
    return page;
  }

  /** Open another page of the service, under its real policy. */
  async openPath(path, options = {}) {
    return this.open({ path, chart: null, ready: false, bypassCSP: false, ...options });
  }

  async close() {
    for (const context of this.#contexts) await context.close();
  }
}

/** Wait until the chart is shown, described, and its line is live. */
export async function live(page) {
  await page.locator('#connection-mark[data-state="live"]').waitFor();
  await page.locator("#log-list li", { hasText: "loaded" }).first().waitFor();
}

/** Fill in the form of who signs in; `opener` is where the button is that opens it. */
export async function giveAccount(page, { username, password }, opener = page) {
  await opener.getByRole("button", { name: "Sign in" }).click();
  await page.getByLabel("Username").fill(username);
  await page.getByLabel("Password").fill(password);
  await page.keyboard.press("Enter");
}

/** Sign in, and wait until the line is live again as the user's. */
export async function signIn(page, account, opener = page) {
  await giveAccount(page, account, opener);
  await page.getByText(`You are signed in as ${account.username}.`).waitFor();
  await page.keyboard.press("Escape");
  await live(page);
}

export async function screenshot(page, name, options = {}) {
  fs.mkdirSync(OUTPUT, { recursive: true });
  await page.screenshot({ path: path.join(OUTPUT, `${name}.png`), ...options });
}

/** Let axe judge the page as it stands: violations, and what it could not decide. */
export async function judge(page, within = "html") {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(AXE);
  return page.evaluate(async (selector) => {
    const brief = (results) =>
      results.flatMap((rule) =>
        rule.nodes.map((node) => ({
          rule: rule.id,
          target: node.target.join(" "),
          why: node.failureSummary,
        })),
      );
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const { violations, incomplete } = await globalThis.axe.run(selector, { runOnly: tags });
    return { violations: brief(violations), incomplete: brief(incomplete) };
  }, within);
}

/** Start the virtual screen reader on the page; its phrases are read by phrases(). */
export async function startReader(page) {
  await page.evaluate(async (source) => {
    const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const { virtual } = await import(address);
    globalThis.reader = virtual;
    await virtual.start({ container: document.body });
  }, READER);
}

/** Read on from where the reader stands, to the end of the page or at most so many phrases. */
export async function readOn(page, most = 2_000) {
  return page.evaluate(async (limit) => {
    const spoken = [];
    for (let count = 0; count < limit; count += 1) {
      await globalThis.reader.next();
      const phrase = await globalThis.reader.lastSpokenPhrase();
      if (spoken.length && phrase === "document") break;
      spoken.push(phrase);
      if (phrase === "end of document") break;
    }
    return spoken;
  }, most);
}

export async function readerLog(page) {
  return page.evaluate(() => globalThis.reader.spokenPhraseLog());
}

/** Count what every change of an element's text was, in order. */
export async function hear(page, selector) {
  await page.evaluate((wanted) => {
    const region = document.querySelector(wanted);
    const heard = ((globalThis.heard ??= {})[wanted] = []);
    new MutationObserver(() => {
      const text = region.textContent;
      if (text && heard.at(-1)?.text !== text) heard.push({ text, atMs: Date.now() });
    }).observe(region, { childList: true, characterData: true, subtree: true });
  }, selector);
  return () => page.evaluate((wanted) => globalThis.heard[wanted], selector);
}

export function percentile(numbers, part) {
  const sorted = [...numbers].sort((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * part) - 1)];
}

/** Stand between the page and the service's WebSocket: pass on, add messages, cut, and refuse. */
export class Wire {
  #routes = new Set();
  refusing = false;
  opened = 0;
  sent = [];
  announced = [];
  bars = 0;
  addresses = [];
  // What becomes of each message of the service on its way.
  alter = (told) => told;

  async put(page) {
    await page.routeWebSocket(/\/ws\/subscribe/, (route) => {
      if (this.refusing) return route.close({ code: 1011, reason: "Cut by the test." });
      this.opened += 1;
      this.addresses.push(route.url());
      const server = route.connectToServer();
      this.#routes.add(route);
      server.onMessage((message) => {
        const told = JSON.parse(message);
        if (told.type === "bar") this.bars += 1;
        if (told.type === "announce") this.announced.push({ ...told, atMs: Date.now() });
        route.send(JSON.stringify(this.alter(told)));
      });
      route.onMessage((message) => {
        this.sent.push(JSON.parse(message));
        server.send(message);
      });
      route.onClose((code, reason) => {
        this.#routes.delete(route);
        server.close({ code: 1000, reason });
      });
    });
  }

  /** Send the page a message as if the service had. */
  say(message) {
    for (const route of this.#routes) route.send(JSON.stringify(message));
  }

  cut() {
    this.refusing = true;
    for (const route of this.#routes) route.close({ code: 1011, reason: "Cut by the test." });
    this.#routes.clear();
  }

  heal() {
    this.refusing = false;
  }
}

let announced = 0;

/** Make an announcement as the service words them. */
export function announcement(text, { priority = "routine", kind = "bar_close" } = {}) {
  announced += 1;
  const now = Date.now();
  return {
    type: "announce",
    sequence: announced,
    priority,
    kind,
    topic: "announce",
    symbol: "BTC/USD",
    event_time_ms: now,
    sent_time_ms: now,
    text,
    short: text,
    lang: "en",
    dir: "ltr",
    speech_s: 2,
    conflated: 0,
    cover: null,
    facts: [],
  };
}
