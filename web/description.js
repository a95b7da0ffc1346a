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

/** Return the next time with landmarks in a direction (-1 or 1) and the text of all that are there, or null. */
export function nextLandmark(description, openTimeMs, direction) {
  const landmarks = landmarksOf(description);
  const next =
    direction > 0
      ? landmarks.find((landmark) => landmark.open_time_ms > openTimeMs)
      : landmarks.findLast((landmark) => landmark.open_time_ms < openTimeMs);
  if (!next) return null;
  const there = landmarks.filter((landmark) => landmark.open_time_ms === next.open_time_ms);
  return { open_time_ms: next.open_time_ms, text: there.map((landmark) => landmark.text).join(" ") };
}

/** Put the brief into the page; plainly none, where there is none. */
export function renderBrief(element, description, words) {
  const brief = description?.summary?.brief;
  element.textContent = brief ?? words.say("no_description");
  tag(element, brief ? description : null);
}

/** Put all that the service says into the page. */
export function renderDescription(parts, description, words, go) {
  renderBrief(parts.brief, description, words);
  parts.wordsNone.hidden = Boolean(description);
  fill(parts.sentences, description?.sentences ?? [], "li", (element, sentence) =>
    put(element, sentence.text, description),
  );
  const landmarks = landmarksOf(description);
  parts.landmarksNone.hidden = landmarks.length > 0;
  fill(parts.landmarks, landmarks, "li", (element, landmark) => {
    const press = element.firstElementChild ?? element.appendChild(document.createElement("button"));
    press.type = "button";
    press.onclick = () => go(landmark);
    put(press, landmark.text, description);
  });
}

// What is there stays there and changes its text: a screen reader loses its place where elements are replaced.
function fill(list, entries, kind, dress) {
  while (list.childElementCount > entries.length) list.lastElementChild.remove();
  entries.forEach((entry, index) => {
    dress(list.children[index] ?? list.appendChild(document.createElement(kind)), entry);
  });
}

function put(element, text, language) {
  if (element.textContent !== text) element.textContent = text;
  tag(element, language);
}

function tag(element, language) {
  if (language) [element.lang, element.dir] = [language.lang, language.dir];
  else ["lang", "dir"].forEach((name) => element.removeAttribute(name));
}
