/** The dialog of price alerts: make one, see them, delete them. They belong to whoever is signed in. */

import { field, frame, make, select } from "./dialogs.js";

const CONDITIONS = ["cross_above", "cross_below"];

/** Open it for a chart; price is what the field begins with. */
export function openAlerts(dialog, { api, account, chart, price, words, sentenceOf, signIn }) {
  if (!account.signedIn) {
    const press = make("button", { type: "button", className: "main-action" }, words.say("sign_in"));
    press.addEventListener("click", () => {
      dialog.close();
      signIn();
    });
    const text = make("p", {}, words.say("alert_sign_in"));
    dialog.open(...frame(dialog, "alert-title", words, "add_alert", text, make("p", { className: "actions" }, press)));
    return;
  }
  const condition = select(CONDITIONS.map((each) => [each, words.say(`alert_${each}`)]), CONDITIONS[0]);
  const value = make("input", { type: "text", inputMode: "decimal", required: true, value: price ?? "" });
  const outcome = make("p", { id: "alert-outcome", tabIndex: -1, hidden: true });
  const list = make("ul", { className: "sentences" });
  const form = make(
    "form", { className: "fields" },
    field("alert-condition", words.say("alert_condition"), condition),
    field("alert-price", words.say("alert_price"), value),
    make("p", { className: "field" }, make("button", { type: "submit", className: "main-action" }, words.say("alert_make"))),
  );
  const tell = (text) => {
    outcome.textContent = text;
    outcome.hidden = false;
    outcome.focus();
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await api.post("/api/v1/alerts", alertOf(chart, condition.value, value.value));
      await refresh();
      tell(words.say("alert_made"));
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

function alertOf(chart, kind, price) {
  const { market, exchange, symbol } = chart;
  return { market, exchange, symbol, kind, price: price.trim() };
}

function row(alert, words, remove) {
  const text = words.say("alert_row", {
    symbol: alert.symbol,
    condition: words.say(`alert_${alert.kind}`),
    price: alert.price ?? alert.percent,
  });
  const press = make("button", { type: "button", "aria-label": words.say("alert_delete", { alert: text }) }, words.say("delete"));
  press.addEventListener("click", () => remove(alert));
  return make("li", {}, text, " ", press);
}
