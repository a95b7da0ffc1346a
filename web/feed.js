/** What arrives for the chart that is shown: bars, announcements, the state of the line; a pause holds it back. */

import { readBar } from "./bars.js";
import { LiveLine } from "./live.js";
import { nextOpenMs } from "./timeframes.js";

const FETCH_AGAIN_MAX = 5;
const FETCH_AGAIN_MS = 2_000;
const MISSED_BARS_MAX = 5_000;
const WAITING_MAX = 1_000;

export class Feed {
  #page;
  #line = null;
  #waiting = [];
  #lost = false;
  // What the service said last of something that it refuses: each attempt is refused again.
  #refusal = "";
  // Of the feed behind the line, and of the line itself.
  #state = "live";
  #lineState = "connecting";
  paused = false;

  constructor(page) {
    this.#page = page;
  }

  /** Follow this chart, and no longer the one before it. */
  follow(chart) {
    this.#line?.close();
    this.#waiting = [];
    this.paused = false;
    this.#page.speech.paused = false;
    this.#connect(chart);
  }

  /** Hold back what arrives, or let it through again. */
  pause() {
    this.paused = !this.paused;
    this.#page.speech.paused = this.paused;
    if (!this.paused) this.#take(this.#waiting.splice(0));
    this.showLine();
    this.#page.speech.answer(this.#page.words.say(this.paused ? "paused" : "resumed"));
  }

  /** Open the line anew, as whoever is signed in now. */
  reopen() {
    this.#line?.reopen();
  }

  sendPreferences() {
    this.#line?.sendPreferences();
  }

  /** Show how the line stands, and the feed behind it. */
  showLine() {
    const shown = this.#lineState === "live" ? this.#state : this.#lineState;
    this.#page.overview.line(this.paused ? "paused" : shown);
  }

  /** Fetch what an exchange, asked page by page, had not told in time for the first answer. */
  async fetchRest(chart) {
    for (let tries = 0; tries < FETCH_AGAIN_MAX; tries += 1) {
      if (!chart.bars.gaps.some((gap) => gap.reason === "unfetched")) return;
      await new Promise((resolve) => setTimeout(resolve, FETCH_AGAIN_MS));
      if (chart !== this.#page.chart) return;
      // What is paused is not to move; it is fetched when it goes on.
      if (this.paused) continue;
      const before = chart.bars.count;
      await chart.load(this.#page.api, this.#page.settings.get("barsLoaded")).catch(() => null);
      if (chart !== this.#page.chart || chart.bars.count === before) continue;
      this.#take([]);
      await this.#page.describe(chart);
    }
  }

  #connect(chart) {
    const line = new LiveLine(
      chart,
      () => this.#preferences(),
      () => this.#page.account.ticket(),
    );
    this.#line = line;
    this.#lost = false;
    this.#refusal = "";
    this.#state = "live";
    const on = (name, act) =>
      line.addEventListener(name, (event) => line === this.#line && act(event.detail));
    on("bar", (bar) => this.#arrived([bar]));
    on("snapshot", (bars) => this.#snapshot(chart, bars));
    on("feed", (status) => {
      // Of a topic, "offline" means that nobody feeds it; our own line is well.
      this.#state = status.state === "offline" ? "unfed" : status.state;
      this.showLine();
    });
    on("announce", (announcement) => this.#announce(announcement));
    on("state", (state) => this.#lineChanged(state));
    on("refused", (sentence) => this.#refused(sentence));
    line.open();
  }

  #arrived(given) {
    const bars = given.map(readBar);
    if (this.paused) this.#waiting.push(...bars);
    else this.#take(bars);
    // Only the newest version of each bar matters, however long the pause.
    if (this.#waiting.length > WAITING_MAX) {
      this.#waiting = [...new Map(this.#waiting.map((bar) => [bar.openTimeMs, bar])).values()];
    }
  }

  #take(bars) {
    const closed = bars.filter(
      (bar) => this.#page.chart.bars.take(bar) !== "known" && bar.state !== "forming",
    );
    this.#page.overview.price(this.#page.chart);
    this.#page.picture.draw();
    this.#page.table.count();
    if (bars.length) this.#page.inWords.again(closed.length > 0);
  }

  // What lies between our last bar and the first of a snapshot was missed: history has it.
  async #snapshot(chart, given) {
    const last = chart.bars.last;
    this.#arrived(given);
    if (last && given.length) await this.#fetchMissed(chart, last.openTimeMs, given[0].open_time_ms);
  }

  // Nobody else will ask for it again: the next snapshot begins after it. Until it is there, it is a hole.
  async #fetchMissed(chart, lastMs, untilMs) {
    let sinceMs = lastMs;
    for (let tries = 0; tries < FETCH_AGAIN_MAX; tries += 1) {
      const startMs = nextOpenMs(sinceMs, chart.timeframe);
      if (chart !== this.#page.chart || startMs >= untilMs) return;
      chart.lack(startMs, untilMs);
      try {
        sinceMs = await chart.load(this.#page.api, MISSED_BARS_MAX, sinceMs);
        if (chart === this.#page.chart && !this.paused) this.#take([]);
        if (sinceMs === null) return;
      } catch (error) {
        if (tries === 0) this.#page.speech.note(this.#page.sentenceOf(error));
        await new Promise((resolve) => setTimeout(resolve, FETCH_AGAIN_MS));
      }
    }
    const startMs = nextOpenMs(sinceMs, chart.timeframe);
    if (startMs < untilMs) chart.lack(startMs, untilMs);
  }

  #lineChanged(state) {
    if (state === "connecting" && this.#lost) return;
    if (state === "offline" && !this.#lost) {
      this.#lost = true;
      this.#page.speech.routine(this.#page.words.say("state_offline"), { kind: "line" });
    }
    if (state === "live" && this.#lost) {
      this.#lost = false;
      this.#page.speech.routine(this.#page.words.say("connected_again"), { kind: "line" });
    }
    this.#lineState = state;
    this.showLine();
  }

  #refused(sentence) {
    if (sentence === this.#refusal) return;
    this.#refusal = sentence;
    this.#page.speech.routine(sentence, { kind: "refused" });
  }

  #announce({ priority, kind, text, lang, dir }) {
    const language = { lang, dir };
    if (priority === "critical") this.#page.speech.critical(text, { language });
    else this.#page.speech.routine(text, { kind: priority === "routine" ? "routine" : kind, language });
  }

  #preferences() {
    const get = (name) => this.#page.settings.get(name);
    return {
      mode: get("mode"),
      verbosity: get("verbosity"),
      min_gap_s: get("minimumGap"),
      move: { percent: get("movePercent") },
      words_per_minute: get("wordsPerMinute"),
      locale: this.#page.words.code,
      time_zone: this.#page.words.timeZone,
    };
  }
}
