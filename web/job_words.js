/** How jobs are put into words. */

export const STATES = {
  queued: "Waiting",
  running: "Running",
  done: "Done",
  skipped: "Skipped",
  failed: "Failed",
  cancelled: "Cancelled",
  lost: "Lost",
};

const UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

const count = (number, unit) => `${number} ${unit}${number === 1 ? "" : "s"}`;

/** Say a length: its largest unit and the one below it. */
export function lengthOf(seconds) {
  if (seconds < 10) return `${Number(seconds.toFixed(1))} seconds`;
  const whole = Math.round(seconds);
  const at = UNITS.findIndex(([, length]) => whole >= length);
  const [unit, length] = UNITS[at];
  const rest = Math.floor((whole % length) / (UNITS[at + 1]?.[1] ?? 1));
  const first = count(Math.floor(whole / length), unit);
  return rest && UNITS[at + 1] ? `${first} ${count(rest, UNITS[at + 1][0])}` : first;
}

/** Say how often a job comes. */
export function periodOf(seconds) {
  if (seconds === null) return "On order";
  const [unit, length] = UNITS.find(([, each]) => seconds % each === 0);
  return seconds === length ? `Every ${unit}` : `Every ${count(seconds / length, unit)}`;
}

/** Say a moment of the service in UTC. */
export function momentOf(iso) {
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
}

/** Say how far a run is. */
export function howFar(run) {
  if (run.state === "queued") return run.attempt ? "Waiting to be tried again" : "Not begun";
  const percent = `${Math.floor(run.progress * 100)} percent`;
  return run.note ? `${percent}, ${run.note}` : percent;
}

/** Say how a run ended. */
export function news(run) {
  const name = `${run.job}, run ${run.id},`;
  if (run.state === "done") return `${name} is done: ${count(run.rows_changed, "row")} changed.`;
  if (run.state === "failed") return `${name} failed. ${run.error ?? ""}`.trim();
  if (run.state === "lost") return `${name} was lost. ${run.error ?? ""}`.trim();
  return `${name} was ${run.state}.`;
}
