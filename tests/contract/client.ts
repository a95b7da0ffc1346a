/** A client as its users write it: every path, parameter and answer is known to the compiler. */

import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

declare const process: { argv: string[]; stdout: { write(text: string): void } };

type Problem = components["schemas"]["ProblemDocument"];

const [baseUrl = "", username = "", password = ""] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl });

function ask<Data>(answer: { data?: Data; error?: unknown }): Data {
  if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.data;
}

const exchanges: string[] = ask(await client.GET("/market/get_exchanges", {
  params: { query: { market: "simulated" } },
}));

const bars = ask(await client.GET("/market/fetch_ohlcv", {
  params: {
    query: {
      market: "simulated", exchange: "simex", symbol: "BTC/USD", timeframe: "1h",
      since: "2024-01-05", until: "2024-01-06", include: ["accessibility"],
    },
  },
}));
if (typeof bars === "string" || !("ohlcv" in bars)) throw new Error("these are no rows");
const close: number | undefined = bars.ohlcv[0]?.[4];
const spoken: string | undefined = bars.accessibility?.summary.brief;

const refused = await client.GET("/market/get_symbols", {
  params: { query: { market: "simulated", exchange: "nowhere" } },
});
const problem: Problem | undefined = refused.error;

const tokens = ask(await client.POST("/auth/login", { body: { username, password } }));
const headers = { Authorization: `Bearer ${tokens.access_token}` };
const made = ask(await client.POST("/api/v1/alerts", {
  headers, body: { symbol: "BTC/USD", market: "simulated", exchange: "simex", kind: "cross_above", level: "90000" },
}));
const alerts = ask(await client.GET("/api/v1/alerts", { headers }));
const gone = await client.DELETE("/api/v1/alerts/{alert_id}", {
  headers, params: { path: { alert_id: made.id } },
});

// What does not fit is found before it runs.
// @ts-expect-error market is required
void ((): unknown => client.GET("/market/get_exchanges", { params: { query: {} } }));
// @ts-expect-error there is no such path
void ((): unknown => client.GET("/market/get_prices", {}));
// @ts-expect-error a close is a number
const text: string = bars.ohlcv[0]?.[4];

process.stdout.write(JSON.stringify({
  exchanges, rows: bars.ohlcv.length, close, spoken, text, code: problem?.code,
  alerts: alerts.alerts.map(({ level }) => level), gone: gone.response.status,
}));
