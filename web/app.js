/** The page: puts its parts together, loads charts, and passes on what arrives. */

import { Account } from "./account.js";
import { Api, Problem } from "./api.js";
import { Chart } from "./chart.js";
import { Choices } from "./choices.js";
import { Commands } from "./commands.js";
import { Cursor } from "./cursor.js";
import { Dialog } from "./dialogs.js";
import { Feed } from "./feed.js";
import { HighchartsPicture, loadHighcharts } from "./highcharts.js";
import { InWords } from "./in_words.js";
import { Overview } from "./overview.js";
import { Picture } from "./picture.js";
import { Settings } from "./settings.js";
import { Sound } from "./sound.js";
import { Speech } from "./speech.js";
import { BarTable } from "./table.js";
import { keepVisit, lastVisitMs } from "./visits.js";
import { chooseLocale, loadWords } from "./words.js";

const DEFAULT_TIMEFRAME = "1h";
const SIMULATED = { market: "simulated", exchange: "simex", symbol: "BTC/USD", timeframe: "1m" };
// What changes what is loaded, what the service says, and what is drawn.
const RELOADING = new Set(["barsLoaded"]);
const SPOKEN = new Set([
  "mode",
  "verbosity",
  "minimumGap",
  "movePercent",
  "wordsPerMinute",
  "locale",
  "timeZone",
]);

const $ = (id) => document.getElementById(id);

class Page {
  settings = new Settings();
  account = new Account();
  api = new Api(() => this.account.accessToken);
  words = null;
  chart = null;
  facts = null;
  visitedMs = null;
  dialogs = Object.fromEntries(
    ["settings", "help", "alert", "account"].map((name) => [name, new Dialog($(`${name}-dialog`))]),
  );
  #loading = new AbortController();
  #asked = null;
  #spoken = 0;

  async start() {
    this.account.api = this.api;
    const words = () => this.words;
    await this.#speakLanguage();
    this.speech = new Speech(
      { status: $("status"), alert: $("alert"), list: $("log-list") },
      {
        clock: (ms) => this.words.clock(ms),
        more: (count) => this.words.say("more_critical", { count }),
      },
    );
    this.sound = new Sound(() => this.settings.get("volume"));
    this.overview = new Overview(
      {
        instrument: $("instrument"),
        price: $("price"),
        change: $("price-change"),
        connection: $("connection"),
        mark: $("connection-mark"),
      },
      words,
    );
    this.picture = new Picture($("picture"), words);
    this.cursor = new Cursor({ surface: $("surface"), reading: $("reading") }, words, () =>
      this.settings.get("verbosity"),
    );
    this.table = new BarTable(
      {
        table: $("table"),
        scroller: $("table-scroller"),
        none: $("table-none"),
        caption: $("caption"),
        refresh: $("table-refresh"),
        newer: $("table-newer"),
        older: $("table-older"),
        csv: $("csv"),
      },
      words,
      () => this.settings.get("rowsPerPage"),
    );
    this.choices = new Choices($("choice"), this.api, words, {
      shown: (choice) => this.show(choice, true),
      failed: (error) => this.fail(error, true),
    });
    this.inWords = new InWords(this, {
      brief: $("brief"),
      sentences: $("sentences"),
      wordsNone: $("words-none"),
      landmarks: $("landmarks"),
      landmarksNone: $("landmarks-none"),
    });
    this.feed = new Feed(this);
    this.commands = new Commands(this, $);
    this.cursor.addEventListener("move", () => this.#cursorMoved());
    // Whose alerts are told is settled when the line is opened.
    this.account.addEventListener("change", () => this.feed.reopen());
    this.settings.addEventListener("change", (event) => this.#changed(event.detail));
    $("try-again").addEventListener("click", () =>
      this.facts ? this.show(this.#asked ?? this.#wanted(), true) : this.begin(this.#asked),
    );
    $("try-simulated").addEventListener("click", () => this.begin(SIMULATED));
    addEventListener("pagehide", () => this.#keepVisit());
    document.addEventListener("visibilitychange", () => document.hidden && this.#keepVisit());
    this.#look();
    await this.begin();
  }

  /** Ask what the service is, and show the chart that was wanted. */
  async begin(wanted = null) {
    this.#asked = wanted;
    try {
      this.facts ??= await this.api.get("/");
    } catch (error) {
      return this.fail(error, wanted !== null);
    }
    if (this.facts.highcharts_url) await this.#useHighcharts(this.facts.highcharts_url);
    const chart = wanted ?? this.#wanted();
    await Promise.all([
      this.choices.fill(this.facts.markets, chart).catch((error) => this.fail(error, wanted !== null)),
      this.show(chart, wanted !== null),
    ]);
  }

  /** Load a chart and show it; asked tells whether the user did it, so that a failure may take the focus. */
  async show(choice, asked = false) {
    this.#loading.abort();
    const { signal } = (this.#loading = new AbortController());
    const chart = new Chart(choice);
    this.#asked = choice;
    if (!this.chart) $("brief").textContent = this.words.say("brief_loading");
    try {
      await chart.load(this.api, this.settings.get("barsLoaded"), null, signal);
    } catch (error) {
      if (!signal.aborted) this.fail(error, asked);
      return;
    }
    this.#keepVisit();
    // Whoever loads the same chart again has not left it.
    if (this.chart?.key !== chart.key) this.visitedMs = lastVisitMs(chart.key);
    this.chart = chart;
    this.settings.set("chart", choice);
    history.replaceState(null, "", `?${new URLSearchParams(choice)}`);
    this.#showChart();
    this.#hideProblem();
    this.feed.follow(chart);
    this.commands.showPause();
    await this.describe(chart, signal);
    if (this.chart !== chart) return;
    this.speech.routine(this.#loadedText(), { kind: "loaded" });
    await this.feed.fetchRest(chart);
  }

  /** Say why something cannot be had. */
  fail(error, asked) {
    $("problem-text").textContent = this.sentenceOf(error);
    $("try-simulated").hidden = !this.facts?.markets.includes("simulated");
    $("problem").hidden = false;
    if (!this.chart) $("brief").textContent = this.words.say("brief_problem");
    if (asked) $("problem").focus();
    else this.speech.answer(this.sentenceOf(error));
  }

  // Whoever stands in it is led to the chart that they wanted.
  #hideProblem() {
    const stands = $("problem").contains(document.activeElement);
    $("problem").hidden = true;
    if (stands) $("surface").focus();
  }

  /** Return the sentence of a failure: the service's own, or ours where there is none. */
  sentenceOf(error) {
    if (error instanceof Problem && error.message) return error.message;
    if (!(error instanceof Problem)) console.error(error);
    return this.words.say("unreachable");
  }

  #showChart() {
    const { chart, picture } = this;
    this.overview.show(chart);
    picture.chart = chart;
    picture.shown = this.settings.get("barsShown");
    this.cursor.show(chart);
    this.table.show(chart);
    this.#renderDescription();
  }

  // In other words, with the cursor and the table where they are.
  #sayChartAnew() {
    this.overview.show(this.chart);
    this.picture.draw();
    this.cursor.refresh();
    this.table.render();
    this.#renderDescription();
  }

  #loadedText() {
    const count = this.chart.bars.count;
    if (!count) return this.words.say("no_bars");
    return this.words.say("loaded", { chart: this.chart.title, count });
  }

  /** Ask for the description anew, and show it. */
  async describe(chart, signal = undefined) {
    await this.inWords.fetch(chart, signal);
    if (chart !== this.chart) return;
    this.overview.show(chart);
    this.#renderDescription();
    this.table.render();
  }

  #renderDescription() {
    this.inWords.render();
    $("play").disabled = !this.commands.canPlay;
  }

  #cursorMoved() {
    this.picture.cursorMs = this.cursor.openTimeMs;
    this.picture.draw();
  }

  async #changed(name) {
    if (name === "locale" || name === "timeZone") await this.#speakLanguage();
    if (name === "theme") this.#look();
    if (name === "mode") this.commands.showMode();
    if (SPOKEN.has(name)) this.feed.sendPreferences();
    if (!this.chart) return;
    if (RELOADING.has(name)) await this.show(this.settings.get("chart"));
    if (name === "rowsPerPage") this.table.render();
    if (name === "barsShown") {
      this.picture.shown = this.settings.get(name);
      this.picture.draw();
    }
    if (["locale", "timeZone", "verbosity"].includes(name)) await this.describe(this.chart);
  }

  // Everything that is said is said anew.
  async #speakLanguage() {
    const zone = this.settings.get("timeZone") || Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
    const spoken = (this.#spoken += 1);
    const words = await loadWords(chooseLocale(this.settings.get("locale"), navigator.languages), zone);
    // Another language was chosen meanwhile.
    if (spoken !== this.#spoken) return;
    this.words = words;
    document.documentElement.lang = this.words.code;
    document.documentElement.dir = this.words.direction;
    this.words.dress(document);
    if (!this.speech) return;
    this.choices.fillTimeframes(this.choices.value.timeframe);
    this.commands.showMode();
    this.feed.showLine();
    if (this.chart) this.#sayChartAnew();
    if (this.dialogs.settings.isOpen) this.commands.openSettings();
  }

  #look() {
    document.documentElement.dataset.theme = this.settings.get("theme");
    this.picture.recolour();
  }

  #wanted() {
    const given = new URLSearchParams(location.search);
    const named = ["market", "exchange", "symbol", "timeframe"];
    if (named.every((name) => given.get(name)))
      return Object.fromEntries(named.map((name) => [name, given.get(name)]));
    const kept = this.settings.get("chart");
    if (kept) return kept;
    const { default_market: market, default_exchange: exchange } = this.facts;
    return { market, exchange, symbol: SIMULATED.symbol, timeframe: DEFAULT_TIMEFRAME };
  }

  async #useHighcharts(address) {
    const library = await loadHighcharts(address);
    if (!library) return;
    $("picture").hidden = true;
    this.picture = new HighchartsPicture(library, $("highcharts"), () => this.words);
  }

  #keepVisit() {
    if (this.chart?.bars.last) keepVisit(this.chart.key, this.chart.bars.last.openTimeMs);
  }
}

new Page().start();
