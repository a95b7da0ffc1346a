/** What the keys of the chart and the buttons do. */

import { openAccount } from "./account.js";
import { openAlerts } from "./alerts_dialog.js";
import { nextLandmark } from "./description.js";
import { openHelp } from "./help_dialog.js";
import { commandOf } from "./keys.js";
import { describeSince } from "./readings.js";
import { MODES, openSettings } from "./settings_dialog.js";
import { toneOf } from "./tones.js";

const SHOWN = [20, 40, 80, 160, 320, 640, 1280, 2560, 5000];

export class Commands {
  #page;
  #surface;

  constructor(page, find) {
    this.#page = page;
    this.#surface = find("surface");
    const buttons = {
      pause: "pause",
      latest: "latest",
      fewer: "fewer",
      more: "more",
      play: "play",
      stop: "stop",
      "open-alert": "addAlert",
      "open-help": "help",
    };
    for (const [id, command] of Object.entries(buttons))
      find(id).addEventListener("click", () => this.run(command));
    find("open-settings").addEventListener("click", () => this.openSettings());
    find("open-account").addEventListener("click", () => this.openAccount());
    this.#surface.addEventListener("keydown", (event) => this.#pressed(event));
    this.#surface.addEventListener("pointerdown", (event) => this.#pointed(event));
    // Not disabled for good: a button that is pressed and then disabled would lose the focus.
    const stop = find("stop");
    page.sound.addEventListener("change", () =>
      stop.setAttribute("aria-disabled", String(!page.sound.playing)),
    );
    page.account.addEventListener("change", () => {
      find("open-account").textContent = page.words.say(page.account.signedIn ? "account" : "sign_in");
    });
    page.account.addEventListener("ended", () => page.speech.critical(page.words.say("sign_in_ended")));
    this.mode = find("mode");
    this.pauseButton = find("pause");
    this.leaveTo = find("chart-heading");
    this.showMode();
  }

  get canPlay() {
    return Boolean(this.#page.chart?.description?.sonification) || Boolean(this.#page.picture.sonify);
  }

  /** Do a command; false when it is none. */
  run(command) {
    const does = {
      previousLandmark: () => this.#landmark(-1),
      nextLandmark: () => this.#landmark(1),
      summary: () => this.#summary(),
      sinceVisit: () => this.#sinceVisit(),
      addAlert: () => this.openAlerts(),
      mode: () => this.#nextMode(),
      pause: () => this.#pause(),
      help: () => openHelp(this.#page.dialogs.help, this.#page.settings, this.#page.words),
      tone: () => this.#tone(),
      play: () => this.#play(),
      stop: () => this.#page.sound.stop(),
      fewer: () => this.#show(-1),
      more: () => this.#show(1),
      leave: () => this.#leave(),
    };
    if (!(command in does)) return this.#move(command);
    does[command]();
    return true;
  }

  goTo(landmark) {
    this.#page.cursor.stand(landmark.open_time_ms, landmark.text);
    this.#surface.focus();
    this.#page.cursor.stand(landmark.open_time_ms, landmark.text);
  }

  openSettings() {
    openSettings(this.#page.dialogs.settings, this.#page.settings, this.#page.words);
  }

  openAccount() {
    const { dialogs, account, words } = this.#page;
    openAccount(dialogs.account, account, words, (error) => this.#page.sentenceOf(error));
  }

  openAlerts() {
    const { dialogs, api, account, chart, cursor, words } = this.#page;
    if (!chart) return;
    openAlerts(dialogs.alert, {
      api,
      account,
      chart,
      words,
      price: (cursor.bar ?? chart.bars.last)?.close,
      sentenceOf: (error) => this.#page.sentenceOf(error),
      signIn: () => this.openAccount(),
    });
  }

  showMode() {
    const { words, settings } = this.#page;
    this.mode.textContent = words.say("mode_now", { mode: words.say(`mode_${settings.get("mode")}`) });
  }

  /** Show on its button whether updates are held back. */
  showPause() {
    this.pauseButton.setAttribute("aria-pressed", String(this.#page.feed.paused));
  }

  #pressed(event) {
    const command = commandOf(event, this.#page.settings);
    if (command === null) return;
    if (this.run(command)) event.preventDefault();
  }

  #pointed(event) {
    const box = this.#surface.getBoundingClientRect();
    const time = this.#page.picture.timeAt(event.clientX - box.left);
    if (time !== null) this.#page.cursor.stand(time);
  }

  #move(command) {
    const moved = this.#page.cursor.move(command);
    if (moved && command === "latest" && document.activeElement !== this.#surface) this.#surface.focus();
    if (moved && this.#page.settings.get("toneOnMove")) this.#tone();
    return moved;
  }

  #pause() {
    this.#page.feed.pause();
    this.showPause();
  }

  #say(key, args = {}) {
    this.#page.speech.answer(this.#page.words.say(key, args));
  }

  #landmark(direction) {
    const { chart, cursor } = this.#page;
    if (!chart?.description) return this.#say("no_description");
    const landmark = nextLandmark(chart.description, cursor.openTimeMs ?? 0, direction);
    if (landmark) this.goTo(landmark);
    else this.#say(direction < 0 ? "no_landmark_before" : "no_landmark_after");
  }

  #summary() {
    const { chart, speech } = this.#page;
    const description = chart?.description;
    const brief = description?.summary?.brief;
    if (brief) speech.answer(brief, { lang: description.lang, dir: description.dir });
    else this.#say("no_description");
  }

  #sinceVisit() {
    const { chart, visitedMs, words, speech } = this.#page;
    if (visitedMs === null || !chart) return this.#say("no_visit");
    speech.answer(describeSince(visitedMs, chart, words) ?? words.say("nothing_since"));
  }

  #nextMode() {
    const { settings, words } = this.#page;
    const mode = MODES[(MODES.indexOf(settings.get("mode")) + 1) % MODES.length];
    settings.set("mode", mode);
    this.#say("mode_now", { mode: words.say(`mode_${mode}`) });
  }

  #show(direction) {
    const { settings, chart } = this.#page;
    const now = settings.get("barsShown");
    const next = direction > 0 ? SHOWN.find((count) => count > now) : SHOWN.findLast((count) => count < now);
    settings.set("barsShown", next ?? now);
    this.#say("bars_shown", { count: Math.min(settings.get("barsShown"), chart?.bars.count ?? 0) });
  }

  #tone() {
    const { chart, cursor, sound } = this.#page;
    const value = toneOf(chart?.description?.sonification, cursor.bar, cursor.field);
    if (value === null) this.#say("no_sound");
    else sound.tone(value);
  }

  #play() {
    const { chart, cursor, sound, picture, settings } = this.#page;
    const series = chart?.description?.sonification?.[cursor.field];
    if (series?.length) sound.play(series, settings.get("soundSeconds"));
    else if (picture.sonify) picture.sonify();
    else this.#say("no_sound");
  }

  #leave() {
    this.leaveTo.focus();
  }
}
