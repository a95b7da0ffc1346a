/** The page of jobs, for admins: two tables that keep themselves up to date, and a region that says what ends. */

import { AdminPage, find, sentenceOf, tell } from "./admin_page.js";
import { bring, fill, makeRow } from "./admin_tables.js";
import { make } from "./dialogs.js";
import { howFar, lengthOf, momentOf, news, periodOf, STATES } from "./job_words.js";

const LOOK_EVERY_MS = 2_000;
const RUNS_SHOWN = 50;
const JOBS = "/api/v1/admin/jobs";
const OPEN = new Set(["queued", "running"]);

const page = new AdminPage({ read, empty, entrance: "runs-heading", everyMs: LOOK_EVERY_MS });

// Which runs were open when last looked at: what is said is how these ended.
const open = new Map();
let cursor = null;
let following = null;

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
  run.addEventListener("click", () => act(run, `${JOBS}/run`, { job: job.name }, (ticket) => {
    // It may be over before the runs are read again, and its end is waited for.
    open.set(ticket.id, job.name);
    return ticket.already_running ? `${job.name} is waiting or running already, as run ${ticket.id}.` : `${job.name} was ordered, as run ${ticket.id}.`;
  }));
  return makeRow(key, 5, run);
}

function fillJob(row, job) {
  const next = job.next_at === null ? "" : momentOf(job.next_at);
  fill(row, [job.name, job.sentence, periodOf(job.every_s), next]);
}

async function act(button, path, body, sentence) {
  if (button.getAttribute("aria-disabled") === "true") return;
  try {
    tell("status", sentence(await page.api.post(path, body)));
    await page.look();
  } catch (error) {
    tell("alert", sentenceOf(error));
  }
}

function showRuns(shown) {
  bring(find("runs"), shown.runs.map((run) => [String(run.id), run]), runRow, fillRun);
  find("runs-scroller").hidden = shown.runs.length === 0;
  find("runs-none").hidden = shown.runs.length > 0;
  following = shown.next;
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
  const job = find("job").value || null;
  const state = find("state").value || null;
  // What is told and summed is of all jobs, whatever the table shows.
  const whole = !job && !state && cursor === null;
  const newest = await page.api.get(JOBS, { limit: RUNS_SHOWN, skipped: false });
  const skipped = state === "skipped";
  const shown = whole ? newest : await page.api.get(JOBS, { limit: RUNS_SHOWN, job, state, skipped, cursor });
  return () => {
    showRuns(shown);
    showJobs(newest.jobs);
    sum(newest.runs);
    tellNews(newest.runs);
  };
}

function empty() {
  open.clear();
  find("summary").textContent = "Sign in as an admin to see the jobs.";
  for (const name of ["runs", "jobs"]) {
    find(name).tBodies[0].replaceChildren();
    find(`${name}-scroller`).hidden = true;
    find(`${name}-none`).hidden = false;
  }
}

find("filter").addEventListener("submit", async (event) => {
  event.preventDefault();
  cursor = null;
  await page.look();
  tell("status", `${find("runs").tBodies[0].rows.length} runs shown.`);
});
find("older").addEventListener("click", () => {
  cursor = following;
  page.look();
});
find("newest").addEventListener("click", () => {
  cursor = null;
  page.look();
});
