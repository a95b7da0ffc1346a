/** The place of one value on the service's scale of sounds, which runs from 0 to 1. */

/** Return it, or null where the service gave no scale; a value that came later is held to the ends. */
export function toneOf(sonification, bar, field) {
  const domain = field === "volume" ? sonification?.volume_domain : sonification?.price_domain;
  if (!bar || !domain) return null;
  const [low, high] = domain.map(Number);
  if (high <= low) return 0.5;
  return Math.min(1, Math.max(0, (bar.numbers[field] - low) / (high - low)));
}
