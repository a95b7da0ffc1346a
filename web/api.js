/** Asking the service: every question has a deadline, and every failure is a sentence. */

const DEADLINE_MS = 15_000;

/** A failure as the service tells it: code and a sentence that can be read out. */
export class Problem extends Error {
  constructor(code, detail, status = 0, retryAfterS = null) {
    super(detail);
    this.code = code;
    this.status = status;
    this.retryAfterS = retryAfterS;
  }
}

export class Api {
  /** token() gives the access token or null; it is kept in memory and sent to this service alone. */
  constructor(token) {
    this.token = token;
  }

  get(path, parameters = {}, signal = undefined) {
    const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== null));
    return this.#send(`${path}?${query}`, { headers: {} }, signal);
  }

  post(path, body) {
    const headers = { "Content-Type": "application/json" };
    return this.#send(path, { method: "POST", headers, body: JSON.stringify(body) });
  }

  delete(path) {
    return this.#send(path, { method: "DELETE", headers: {} });
  }

  async #send(address, options, signal) {
    const deadline = AbortSignal.timeout(DEADLINE_MS);
    const signals = signal ? [signal, deadline] : [deadline];
    const token = this.token();
    options.headers.Accept = "application/json, application/problem+json";
    if (token) options.headers.Authorization = `Bearer ${token}`;
    let response;
    let body;
    try {
      response = await fetch(address, { ...options, signal: AbortSignal.any(signals) });
      body = response.status === 204 ? null : await response.json();
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new Problem("unreachable", "");
    }
    if (response.ok) return body;
    throw new Problem(body.code ?? "unknown", body.detail ?? "", response.status, body.retry_after ?? null);
  }
}
