/** What the service says of a chart: the brief, the sentences, the landmarks and the series of sounds. */

// More than can be walked through by ear; the service ranks the landmarks of each kind.
const LANDMARKS_MAX = 15;

/** Ask for the description of a chart; null where this service has none to give. */
export async function fetchDescription(api, chart, words, settings, signal) {
  const parameters = {
    market: chart.market,
    exchange: chart.exchange,
    symbol: chart.symbol,
    timeframe: chart.timeframe,
    limit: settings.get("barsLoaded"),
    locale: words.code,
    time_zone: words.timeZone,
    verbosity: settings.get("verbosity"),
  };
  try {
    return await api.get("/market/describe", parameters, signal);
  } catch (error) {
    if (signal?.aborted) throw error;
    return null;
  }
}

/** Return the landmarks of the best ranks, in order of time. */
export function landmarksOf(description) {
  const best = [...(description?.landmarks ?? [])].sort((left, right) => left.rank - right.rank);
  return best.slice(0, LANDMARKS_MAX).sort((left, right) => left.open_time_ms - right.open_time_ms);
}

/** Return the landmark next to a time in a direction (-1 or 1), or null. */
export function nextLandmark(description, openTimeMs, direction) {
  const landmarks = landmarksOf(description);
  if (direction > 0) return landmarks.find((landmark) => landmark.open_time_ms > openTimeMs) ?? null;
  return landmarks.findLast((landmark) => landmark.open_time_ms < openTimeMs) ?? null;
}

/** Put what the service says into the page; plainly none, where there is none. */
export function renderDescription(parts, description, words, go) {
  const language = description ? { lang: description.lang, dir: description.dir } : null;
  const brief = description?.summary?.brief;
  parts.brief.textContent = brief ?? words.say("no_description");
  tag(parts.brief, brief ? language : null);
  parts.wordsNone.hidden = Boolean(description);
  parts.sentences.replaceChildren(
    ...(description?.sentences ?? []).map((sentence) => item(sentence.text, language)),
  );
  const landmarks = landmarksOf(description);
  parts.landmarksNone.hidden = landmarks.length > 0;
  parts.landmarks.replaceChildren(...landmarks.map((landmark) => button(landmark, language, go)));
}

function item(text, language) {
  const element = document.createElement("li");
  element.textContent = text;
  tag(element, language);
  return element;
}

function button(landmark, language, go) {
  const element = document.createElement("li");
  const press = document.createElement("button");
  press.type = "button";
  press.textContent = landmark.text;
  press.addEventListener("click", () => go(landmark));
  tag(press, language);
  element.append(press);
  return element;
}

function tag(element, language) {
  if (language) [element.lang, element.dir] = [language.lang, language.dir];
  else ["lang", "dir"].forEach((name) => element.removeAttribute(name));
}
