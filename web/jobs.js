/** The page of jobs, for admins: two tables that keep themselves up to date, and a region that says what ends. */

import { Account } from "./account.js";
import { Api } from "./api.js";
import { make } from "./dialogs.js";
import { howFar, lengthOf, momentOf, news, periodOf, STATES } from "./job_words.js";

const LOOK_EVERY_MS = 2_000;
const RUNS_SHOWN = 50;
const JOBS = "/api/v1/admin/jobs";
const OPEN = new Set(["queued", "running"]);

const find = (id) => document.getElementById(id);
const account = new Account();
const api = new Api(() => account.accessToken);
account.api = api;

// Which runs were open when last looked at: what is said is how these ended.
const open = new Map();
let cursor = null;
let following = null;
let paused = false;
let timer = 0;
let looking = Promise.resolve();

function tell(id, sentence) {
  // Emptied first: a region says the same sentence twice only when it has changed in between.
  find(id).textContent = "";
  requestAnimationFrame(() => {
    find(id).textContent = sentence;
  });
}

function sentenceOf(error) {
  return error.detail || error.message || "The service cannot be reached. It is asked again.";
}

function showProblem(sentence, { focus = false } = {}) {
  find("problem").textContent = sentence;
  find("problem").hidden = !sentence;
  if (focus) find("problem").focus();
}

/** Fill the cells of a row in place, so that a reader in the middle of the table stays where it is. */
function fill(row, texts) {
  texts.forEach((text, place) => {
    const cell = row.cells[place];
    if (cell.textContent !== text) cell.textContent = text;
  });
}

/** Bring a table to these rows: those that stay are kept, with whatever has the focus in them. */
function bring(table, entries, makeRow, fillRow) {
  const body = table.tBodies[0];
  const kept = new Map([...body.rows].map((row) => [row.dataset.key, row]));
  entries.forEach(([key, entry], place) => {
    const row = kept.get(key) ?? makeRow(key, entry);
    kept.delete(key);
    fillRow(row, entry);
    if (body.rows[place] !== row) body.insertBefore(row, body.rows[place] ?? null);
  });
  for (const row of kept.values()) row.remove();
}

function makeRow(key, columns, button) {
  const heading = make("th", { scope: "row" });
  const cells = Array.from({ length: columns - 2 }, () => make("td"));
  return make("tr", { "data-key": key }, heading, ...cells, make("td", {}, button));
}

function runRow(key, run) {
  const cancel = make("button", { type: "button", "aria-label": `Cancel run ${run.id} of ${run.job}` }, "Cancel");
  cancel.addEventListener("click", () => act(cancel, `${JOBS}/${run.id}/cancel`, {}, () => `Run ${run.id} of ${run.job} is being cancelled.`));
  return makeRow(key, 10, cancel);
}

function fillRun(row, run) {
  fill(row, [
    String(run.id),
    run.job,
    STATES[run.state],
    momentOf(run.started_at),
    run.duration_s === null ? "" : lengthOf(run.duration_s),
    run.rows_changed.toLocaleString("en"),
    String(run.attempt),
    howFar(run),
    run.error ?? "",
  ]);
  const button = row.querySelector("button");
  const over = !OPEN.has(run.state) || run.cancel_requested;
  button.setAttribute("aria-disabled", String(over));
  // What has the focus stays until the focus has gone elsewhere.
  button.hidden = over && document.activeElement !== button;
}

function jobRow(key, job) {
  const run = make("button", { type: "button", "aria-label": `Run ${job.name} now` }, "Run");
  run.addEventListener("click", () => act(run, `${JOBS}/run`, { job: job.name }, (ticket) => ticket.already_running ? `${job.name} is waiting or running already, as run ${ticket.id}.` : `${job.name} was ordered, as run ${ticket.id}.`));
  return makeRow(key, 5, run);
}

function fillJob(row, job) {
  const next = job.next_at === null ? "" : momentOf(job.next_at);
  fill(row, [job.name, job.sentence, periodOf(job.every_s), next]);
}

async function act(button, path, body, sentence) {
  if (button.getAttribute("aria-disabled") === "true") return;
  try {
    tell("status", sentence(await api.post(path, body)));
    await look();
  } catch (error) {
    tell("alert", sentenceOf(error));
  }
}

function showRuns(page) {
  bring(find("runs"), page.runs.map((run) => [String(run.id), run]), runRow, fillRun);
  find("runs-scroller").hidden = page.runs.length === 0;
  find("runs-none").hidden = page.runs.length > 0;
  following = page.next;
  find("older").disabled = following === null;
  find("newest").disabled = cursor === null;
}

function showJobs(jobs) {
  bring(find("jobs"), jobs.map((job) => [job.name, job]), jobRow, fillJob);
  find("jobs-scroller").hidden = false;
  find("jobs-none").hidden = true;
  const chooser = find("job");
  if (chooser.options.length === 1) chooser.append(...jobs.map((job) => make("option", { value: job.name }, job.name)));
}

function sum(runs) {
  const running = runs.filter((run) => run.state === "running").map((run) => run.job);
  const waiting = runs.filter((run) => run.state === "queued").length;
  const goes = running.length ? `Running: ${running.join(", ")}.` : "Nothing is running.";
  const text = waiting ? `${goes} ${waiting} waiting.` : goes;
  if (find("summary").textContent !== text) find("summary").textContent = text;
}

/** Say how runs ended that were open before; failures at once, successes when there is a pause. */
function tellNews(runs) {
  const ended = runs.filter((run) => open.has(run.id) && !OPEN.has(run.state));
  for (const run of runs) {
    if (OPEN.has(run.state)) open.set(run.id, run.job);
    else open.delete(run.id);
  }
  const bad = ended.filter((run) => run.state === "failed" || run.state === "lost");
  const good = ended.filter((run) => !bad.includes(run));
  if (bad.length) tell("alert", bad.map(news).join(" "));
  if (good.length) tell("status", good.map(news).join(" "));
}

async function read() {
  if (!account.signedIn) return;
  const job = find("job").value || null;
  const state = find("state").value || null;
  // What is told and summed is of all jobs, whatever the table shows.
  const whole = !job && !state && cursor === null;
  const newest = await api.get(JOBS, { limit: RUNS_SHOWN, skipped: false });
  const skipped = state === "skipped";
  const shown = whole ? newest : await api.get(JOBS, { limit: RUNS_SHOWN, job, state, skipped, cursor });
  showProblem("");
  showRuns(shown);
  showJobs(newest.jobs);
  sum(newest.runs);
  tellNews(newest.runs);
}

/** Look at the jobs now, after whatever look is under way. */
function look() {
  clearTimeout(timer);
  looking = looking.then(read).catch((error) => {
    if (error.status === 403) {
      account.signOut();
      showProblem("You are signed in, but not as an admin. Sign in as one.", { focus: true });
    } else showProblem(sentenceOf(error));
  });
  return looking.finally(() => {
    clearTimeout(timer);
    if (account.signedIn && !paused) timer = setTimeout(look, LOOK_EVERY_MS);
  });
}

find("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await account.signIn(find("username").value, find("password").value);
  } catch (error) {
    showProblem(sentenceOf(error), { focus: true });
    return;
  }
  find("password").value = "";
  await look();
  if (account.signedIn) find("runs-heading").focus();
});
find("sign-out").addEventListener("click", () => account.signOut());
account.addEventListener("change", () => {
  find("sign-in").hidden = account.signedIn;
  find("signed-in").hidden = !account.signedIn;
  if (account.signedIn) return;
  clearTimeout(timer);
  open.clear();
  find("summary").textContent = "Sign in as an admin to see the jobs.";
  for (const name of ["runs", "jobs"]) {
    find(name).tBodies[0].replaceChildren();
    find(`${name}-scroller`).hidden = true;
    find(`${name}-none`).hidden = false;
  }
  find("username").focus();
});
find("pause").addEventListener("click", () => {
  paused = !paused;
  find("pause").setAttribute("aria-pressed", String(paused));
  if (!paused) look();
});
find("filter").addEventListener("submit", async (event) => {
  event.preventDefault();
  cursor = null;
  await look();
  tell("status", `${find("runs").tBodies[0].rows.length} runs shown.`);
});
find("older").addEventListener("click", () => {
  cursor = following;
  look();
});
find("newest").addEventListener("click", () => {
  cursor = null;
  look();
});
