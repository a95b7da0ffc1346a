/** Everything the page says of itself, in the user's language; numbers, times and names of timeframes as well. */

import { padded, places, plain } from "./decimals.js";
import english from "./locales/en.js";

export const LOCALES = {
  en: "English",
  de: "Deutsch",
  fr: "Français",
  pl: "Polski",
  ja: "日本語",
  ar: "العربية",
};
const TAGS = { en: "en-GB", ar: "ar-u-nu-latn" };
// A comma between thousands is read right in English; elsewhere speech may stumble over what stands there.
const GROUPED = new Set(["en"]);
const RIGHT_TO_LEFT = new Set(["ar"]);
const SPANS_MS = { days: 86_400_000, hours: 3_600_000, minutes: 60_000, seconds: 1_000 };
const WORDS_OF_UNITS = { s: "seconds", m: "minutes", h: "hours", d: "days", w: "weeks", M: "months" };

/** Return the best of our locales for a wish and what the browser prefers. */
export function chooseLocale(wish, preferred) {
  if (wish in LOCALES) return wish;
  const known = preferred.map((tag) => tag.toLowerCase().split("-")[0]).find((code) => code in LOCALES);
  return known ?? "en";
}

/** Load the words of a locale; English ones where they cannot be had. */
export async function loadWords(code, timeZone) {
  const loaded = await import(`./locales/${code}.js`).catch(() => null);
  return loaded ? new Words(code, loaded.default, timeZone) : new Words("en", english, timeZone);
}

export class Words {
  #catalog;
  #formats = new Map();

  constructor(code, catalog, timeZone) {
    this.code = code;
    this.direction = RIGHT_TO_LEFT.has(code) ? "rtl" : "ltr";
    this.timeZone = timeZone;
    this.#catalog = catalog;
    // Numbers and dates look as the service writes them.
    this.tag = TAGS[code] ?? code;
    this.plurals = new Intl.PluralRules(code);
  }

  /** Return a text; {places} in it are filled. A text in several forms takes the one that fits args.count. */
  say(key, args = {}) {
    const found = this.#catalog[key];
    const text = typeof found === "object" ? (found[this.plurals.select(args.count)] ?? found.other) : found;
    if (text === undefined) throw new Error(`There is no text ${key} in ${this.code}.`);
    return text.replace(/\{(\w+)\}/g, (_, name) =>
      name === "count" ? this.number(args.count) : String(args[name]),
    );
  }

  number(value) {
    return this.#number(0, 20).format(value);
  }

  /** Return a decimal, given as text, with every digit it has and at least so many behind the point. */
  decimal(value, atLeast = 0) {
    const text = padded(plain(value), atLeast);
    return this.#number(places(text), places(text)).format(text);
  }

  /**
   * Return a decimal as the service takes it, of one that is typed as people of this language write it: in
   * German "0,5" is 0.5 and "67.123" is 67123, as "67,123" is in English.
   */
  typed(text) {
    const given = text.replace(/\s/g, "");
    const parts = new Intl.NumberFormat(this.tag, { useGrouping: true }).formatToParts(1_234_567.5);
    const sign = (type) => parts.find((part) => part.type === type)?.value.trim() ?? "";
    const [group, point] = [sign("group"), sign("decimal")].map((each) => each && `\\${each}`);
    const grouped = group && new RegExp(`^[1-9]\\d{0,2}(${group}\\d{3})+(${point}\\d*)?$`).test(given);
    const digits = grouped ? given.replaceAll(sign("group"), "") : given;
    return new RegExp(`^\\d*${point}\\d*$`).test(digits) ? digits.replace(sign("decimal"), ".") : digits;
  }

  /** Return a decimal, given as text, as it is typed: in German "0,5" for 0.5. */
  typing(text) {
    return text.replace(".", this.decimal("0.5").slice(1, -1));
  }

  /** Return "up 2.5 percent", "down …" or "unchanged" for the text of a change. */
  change(percent) {
    if (percent === null) return "";
    if (percent === "0") return this.say("unchanged");
    const size = this.decimal(percent.replace("-", ""));
    return this.say(percent.startsWith("-") ? "down_percent" : "up_percent", { percent: size });
  }

  /** Return when a bar opened, as precise as the bar is long; withYear where a day of a month may be of any year. */
  barTime(openTimeMs, timeframe, withYear = false) {
    const unit = timeframe.at(-1);
    if (timeframe === "1M") return this.#date({ month: "long", year: "numeric" }, "UTC").format(openTimeMs);
    const day = { day: "numeric", month: "long" };
    if ("dwM".includes(unit)) {
      const date = this.#date({ ...day, year: "numeric" }, "UTC").format(openTimeMs);
      // Bars of several weeks or months are no week and no month.
      return timeframe === "1w" ? this.say("week_of", { date }) : date;
    }
    const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    if (unit === "s") clock.second = "2-digit";
    const year = withYear ? { year: "numeric" } : {};
    const date = this.#date({ ...day, ...year }, this.timeZone).format(openTimeMs);
    return this.say("date_and_time", { date, time: this.#date(clock, this.timeZone).format(openTimeMs) });
  }

  /** Return the calendar year of a moment, as text. */
  year(timeMs) {
    return this.#date({ year: "numeric" }, this.timeZone).format(timeMs);
  }

  /** Return a short time for an axis. */
  axisTime(openTimeMs, timeframe) {
    const unit = timeframe.at(-1);
    if ("dwM".includes(unit)) {
      const day = unit === "M" ? {} : { day: "numeric" };
      return this.#date({ ...day, month: "short", year: "2-digit" }, "UTC").format(openTimeMs);
    }
    const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    if (unit === "s") clock.second = "2-digit";
    const day = unit === "h" ? { day: "numeric", month: "short" } : {};
    return this.#date({ ...day, ...clock }, this.timeZone).format(openTimeMs);
  }

  /** Return the time of day of a moment. */
  clock(timeMs) {
    const parts = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
    return this.#date(parts, this.timeZone).format(timeMs);
  }

  /** Return "1 hour" for "1h"; "1m" and "1M" are never the same. */
  timeframe(text) {
    const match = /^(\d+)([smhdwM])$/.exec(text);
    if (!match) return text;
    return this.say(WORDS_OF_UNITS[match[2]], { count: Number(match[1]) });
  }

  /** Return a length of time in its two largest units, rounded down, as the service does: "1 hour 30 minutes". */
  duration(durationMs) {
    let restMs = durationMs;
    const counts = Object.entries(SPANS_MS).map(([unit, unitMs]) => {
      const count = Math.floor(restMs / unitMs);
      restMs -= count * unitMs;
      return [unit, count];
    });
    const first = counts.findIndex(([, count]) => count > 0);
    if (first < 0) return this.say("seconds", { count: 0 });
    const spoken = counts.slice(first, first + 2).filter(([, count]) => count > 0);
    const [larger, smaller] = spoken.map(([unit, count]) => this.say(unit, { count }));
    return smaller === undefined ? larger : this.say("two_units", { larger, smaller });
  }

  /** Put the texts of the locale where the page asks for them with data-say and data-say-label. */
  dress(root) {
    for (const element of root.querySelectorAll("[data-say]"))
      element.textContent = this.say(element.dataset.say);
    for (const element of root.querySelectorAll("[data-say-label]")) {
      element.setAttribute("aria-label", this.say(element.dataset.sayLabel));
    }
  }

  #number(least, most) {
    const name = `n${least}-${most}`;
    if (!this.#formats.has(name)) {
      const digits = { minimumFractionDigits: least, maximumFractionDigits: most };
      const options = { ...digits, useGrouping: GROUPED.has(this.code) };
      this.#formats.set(name, new Intl.NumberFormat(this.tag, options));
    }
    return this.#formats.get(name);
  }

  #date(parts, timeZone) {
    const name = `${timeZone}${JSON.stringify(parts)}`;
    if (!this.#formats.has(name)) {
      this.#formats.set(name, new Intl.DateTimeFormat(this.tag, { ...parts, timeZone }));
    }
    return this.#formats.get(name);
  }
}
