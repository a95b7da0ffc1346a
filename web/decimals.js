/** Decimal numbers as text: nothing is rounded that was not meant to be, and nothing has an exponent. */

/** Return a number, or the text of one, as plain decimal text: 1.234e-5 becomes "0.00001234". */
export function plain(value) {
  const text = String(value);
  const match = /^(-?)(\d+)(?:\.(\d+))?e([+-]\d+)$/i.exec(text);
  if (!match) return text;
  const [, sign, whole, fraction = "", exponent] = match;
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  if (point >= digits.length) return sign + digits + "0".repeat(point - digits.length);
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** Return how many digits stand behind the point. */
export function places(text) {
  const point = text.indexOf(".");
  return point < 0 ? 0 : text.length - point - 1;
}

/** Return the text with at least so many digits behind the point; it never loses one. */
export function padded(text, atLeast) {
  const missing = atLeast - places(text);
  if (missing <= 0) return text;
  return text + (text.includes(".") ? "" : ".") + "0".repeat(missing);
}

function scaled(text, digits) {
  return BigInt(padded(text, digits).replace(".", ""));
}

/** Return a negative number, 0 or a positive one as the first is below, at or above the second; exactly. */
export function compare(left, right) {
  const digits = Math.max(places(left), places(right));
  const difference = scaled(left, digits) - scaled(right, digits);
  return difference < 0n ? -1 : Number(difference > 0n);
}

/**
 * Return the change in percent as text with its sign, rounded half to even.
 * It has one digit behind the point, or as many as it takes that a change is never told as none, and a price that
 * is left never as all lost; null when there is nothing to compare with.
 */
export function changePercent(from, to) {
  const digits = Math.max(places(from), places(to));
  const start = scaled(from, digits);
  if (start <= 0n) return null;
  const end = scaled(to, digits);
  const difference = end - start;
  if (difference === 0n) return "0";
  const size = difference < 0n ? -difference : difference;
  for (let kept = 1; ; kept += 1) {
    const numerator = size * 100n * 10n ** BigInt(kept);
    const rest = numerator % start;
    let rounded = numerator / start;
    if (rest * 2n > start || (rest * 2n === start && rounded % 2n === 1n)) rounded += 1n;
    const allLost = difference < 0n && rounded === 100n * 10n ** BigInt(kept);
    if (rounded === 0n || (allLost && end !== 0n)) continue;
    const text = rounded.toString().padStart(kept + 1, "0");
    return `${difference < 0n ? "-" : ""}${text.slice(0, -kept)}.${text.slice(-kept)}`;
  }
}
