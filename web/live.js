/**
 * The live line of one chart: connects, resumes where it broke, and says how it stands.
 *
 * Events: "bar" and "snapshot" with bars, "feed" with a status, "announce", "state" ("connecting", "live",
 * "offline"), and "refused" with the sentence in which the service says why it does not do what was asked.
 */

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const TOO_SLOW = 4008;
// Until hello says how long the silence may be.
const SILENCE_MS = 30_000;

export class LiveLine extends EventTarget {
  #address;
  #preferences;
  #ticket;
  #socket = null;
  #position = null;
  #heard = null;
  #failures = 0;
  #retryTimer = 0;
  #silenceTimer = 0;
  #silenceMs = SILENCE_MS;
  #waitMs = null;
  #attempt = 0;
  #ended = false;

  /**
   * chart: market, exchange, symbol, timeframe. preferences() gives what to speak; ticket() who asks, or null for
   * nobody. A ticket that cannot be had for now is tried again, as the line is.
   */
  constructor(chart, preferences, ticket = async () => null) {
    super();
    this.#address = {
      market: chart.market,
      exchange: chart.exchange,
      symbols: chart.symbol,
      timeframe: chart.timeframe,
    };
    this.#preferences = preferences;
    this.#ticket = ticket;
    this.wake = () => this.#wake();
    globalThis.addEventListener("online", this.wake);
  }

  async open() {
    if (this.#ended) return;
    const address = new URL("/ws/subscribe", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    for (const [name, text] of Object.entries(this.#address)) address.searchParams.set(name, text);
    const { mode, verbosity, locale, time_zone } = this.#preferences();
    const heard = this.#heard === null ? {} : { announce_since: this.#heard };
    const spoken = { announce: true, mode, verbosity, locale, time_zone, ...heard };
    for (const [name, value] of Object.entries(spoken)) address.searchParams.set(name, value);
    if (this.#position?.epoch) {
      address.searchParams.set("since", `${this.#position.epoch},${this.#position.offset}`);
    }
    this.#tell("state", "connecting");
    this.#attempt += 1;
    const attempt = this.#attempt;
    const ticket = await this.#ticket().catch(() => undefined);
    if (this.#ended || attempt !== this.#attempt) return;
    if (ticket === undefined) return this.#lost(null);
    if (ticket) address.searchParams.set("ticket", ticket);
    const socket = new WebSocket(address);
    this.#socket = socket;
    socket.addEventListener("message", (event) => socket === this.#socket && this.#read(event.data));
    socket.addEventListener("close", (event) => socket === this.#socket && this.#lost(event.code));
    this.#watch();
  }

  /** Send what shall be spoken from now on. */
  sendPreferences() {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#socket.send(JSON.stringify({ type: "preferences", ...this.#preferences() }));
  }

  /** Connect anew, as somebody else. Nobody was away, so nothing is resumed and nothing caught up. */
  reopen() {
    const socket = this.#socket;
    // A place of 0 would tell whoever signs in all that ever fired.
    this.#heard ||= null;
    if (socket === null || this.#ended) return;
    this.#position = null;
    clearTimeout(this.#silenceTimer);
    this.#socket = null;
    socket.close();
    this.open();
  }

  /** End for good. */
  close() {
    this.#ended = true;
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#silenceTimer);
    globalThis.removeEventListener("online", this.wake);
    this.#socket?.close();
  }

  #read(data) {
    this.#watch();
    const message = JSON.parse(data);
    if (message.epoch) this.#position = { epoch: message.epoch, offset: message.offset };
    else if (message.offset && message.topic && this.#position) this.#position.offset = message.offset;
    switch (message.type) {
      case "hello":
        this.#silenceMs = message.heartbeat_ms * 2;
        this.sendPreferences();
        break;
      case "subscribed":
        this.#failures = 0;
        this.#tell("state", "live");
        break;
      case "snapshot":
        this.#tell("snapshot", message.bars);
        break;
      case "bar":
        this.#tell("bar", message.bar);
        break;
      case "status":
        this.#tell("feed", message);
        break;
      case "preferred":
        // A place that is known stays: what came after it may still have to be told.
        this.#heard ??= message.sequence ?? null;
        break;
      case "announce":
        // Only what is kept for the user has a place in the record.
        if (message.sequence > (this.#heard ?? 0)) this.#heard = message.sequence;
        this.#tell("announce", message);
        break;
      case "error":
        this.#tell("refused", message.detail);
        break;
      case "server_shutdown":
        this.#waitMs = message.retry_ms;
        break;
    }
  }

  #lost(code) {
    clearTimeout(this.#silenceTimer);
    this.#socket = null;
    if (this.#ended) return;
    this.#failures += 1;
    // More was missed than may be told at once: history has it.
    if (code === TOO_SLOW) this.#position = null;
    this.#tell("state", "offline", code);
    const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (this.#failures - 1));
    // Not all clients at once.
    const waitMs = this.#waitMs ?? longest / 2 + (Math.random() * longest) / 2;
    this.#waitMs = null;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => this.open(), waitMs);
  }

  // The network is back: no reason to wait any longer.
  #wake() {
    if (this.#socket !== null || this.#ended) return;
    clearTimeout(this.#retryTimer);
    this.open();
  }

  // A line that says nothing for so long is dead, whatever the browser believes.
  #watch() {
    clearTimeout(this.#silenceTimer);
    this.#silenceTimer = setTimeout(() => {
      const socket = this.#socket;
      if (!socket) return;
      this.#lost(null);
      socket.close();
    }, this.#silenceMs);
  }

  #tell(name, detail, code = null) {
    this.dispatchEvent(Object.assign(new CustomEvent(name, { detail }), { code }));
  }
}
