/** Tables that keep themselves up to date: rows stay where they are while what is in them changes. */

import { make } from "./dialogs.js";

/** Fill the cells of a row in place, so that a reader in the middle of the table stays where it is. */
export function fill(row, texts) {
  texts.forEach((text, place) => {
    const cell = row.cells[place];
    if (cell.textContent !== text) cell.textContent = text;
  });
}

/** Bring a table to these rows: those that stay are kept, with whatever has the focus in them. */
export function bring(table, entries, newRow, fillRow) {
  const body = table.tBodies[0];
  const kept = new Map([...body.rows].map((row) => [row.dataset.key, row]));
  entries.forEach(([key, entry], place) => {
    const row = kept.get(key) ?? newRow(key, entry);
    kept.delete(key);
    fillRow(row, entry);
    if (body.rows[place] !== row) body.insertBefore(row, body.rows[place] ?? null);
  });
  for (const row of kept.values()) row.remove();
}

/** Make a row of so many cells, the first of which names it; the last holds a button where there is one. */
export function makeRow(key, columns, button = null) {
  const plain = columns - (button ? 2 : 1);
  const cells = Array.from({ length: plain }, () => make("td"));
  if (button) cells.push(make("td", {}, button));
  return make("tr", { "data-key": key }, make("th", { scope: "row" }), ...cells);
}
