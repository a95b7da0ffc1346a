/** The dialog of price alerts: make one, see them, delete them. They belong to whoever is signed in. */

import { field, frame, make, select } from "./dialogs.js";

const MOVES = "percent_in_window";
const CONDITIONS = ["cross_above", "cross_below", MOVES];
const PERCENT = "1";
const MINUTES = "15";

/** Open it for a chart; price is what the field begins with. */
export function openAlerts(dialog, { api, account, chart, price, words, sentenceOf, signIn }) {
  if (!account.signedIn) {
    const press = make("button", { type: "button", className: "main-action" }, words.say("sign_in"));
    press.addEventListener("click", () => {
      dialog.close();
      signIn();
    });
    const text = make("p", {}, words.say("alert_sign_in"));
    dialog.open(
      ...frame(dialog, "alert-title", words, "add_alert", text, make("p", { className: "actions" }, press)),
    );
    return;
  }
  const condition = select(
    CONDITIONS.map((each) => [each, words.say(`alert_${each}`)]),
    CONDITIONS[0],
  );
  const decimal = (value) => make("input", { type: "text", inputMode: "decimal", value });
  const level = field("alert-price", words.say("alert_price"), decimal(words.typing(price ?? "")));
  const percent = field("alert-percent", words.say("alert_percent"), decimal(PERCENT));
  const minutes = field("alert-window", words.say("alert_window"), decimal(MINUTES));
  const fit = () => {
    level.hidden = condition.value === MOVES;
    percent.hidden = minutes.hidden = condition.value !== MOVES;
  };
  condition.addEventListener("change", fit);
  fit();
  const outcome = make("p", { id: "alert-outcome", tabIndex: -1, hidden: true });
  const list = make("ul", { className: "sentences" });
  const form = make(
    "form",
    { className: "fields" },
    field("alert-condition", words.say("alert_condition"), condition),
    level,
    percent,
    minutes,
    make(
      "p",
      { className: "field" },
      make("button", { type: "submit", className: "main-action" }, words.say("alert_make")),
    ),
  );
  const tell = (text) => {
    outcome.textContent = text;
    outcome.hidden = false;
    outcome.focus();
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const given = [level, percent, minutes].map((each) => words.typed(each.querySelector("input").value));
      const alert = await api.post("/api/v1/alerts", alertOf(chart, condition.value, ...given));
      await refresh();
      // With its numbers as they were understood.
      tell(`${words.say("alert_made")} ${textOf(alert, words)}`);
    } catch (error) {
      tell(sentenceOf(error));
    }
  });
  const refresh = async () => {
    const answer = await api.get("/api/v1/alerts");
    list.replaceChildren(...answer.alerts.map((alert) => row(alert, words, remove)));
  };
  const remove = async (alert) => {
    try {
      await api.delete(`/api/v1/alerts/${alert.id}`);
      await refresh();
      tell(words.say("alert_deleted"));
    } catch (error) {
      tell(sentenceOf(error));
    }
  };
  const intro = make("p", {}, words.say("alert_text", { chart: chart.title }));
  dialog.open(...frame(dialog, "alert-title", words, "add_alert", intro, outcome, form, list));
  refresh().catch((error) => tell(sentenceOf(error)));
}

function alertOf(chart, kind, level, percent, minutes) {
  const { market, exchange, symbol } = chart;
  const terms = kind === MOVES ? { percent, window_s: Math.round(Number(minutes) * 60) } : { level };
  return { market, exchange, symbol, kind, ...terms };
}

function textOf(alert, words) {
  const { symbol, kind } = alert;
  if (kind === MOVES) {
    const window = words.duration(alert.window_ms);
    return words.say("alert_row_percent", { symbol, percent: words.decimal(alert.percent), window });
  }
  return words.say("alert_row", {
    symbol,
    condition: words.say(`alert_${kind}`),
    price: words.decimal(alert.level),
  });
}

function row(alert, words, remove) {
  const text = textOf(alert, words);
  const press = make(
    "button",
    { type: "button", "aria-label": words.say("alert_delete", { alert: text }) },
    words.say("delete"),
  );
  press.addEventListener("click", () => remove(alert));
  return make("li", {}, text, " ", press);
}
