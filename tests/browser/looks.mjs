/** The page for those who see it, a little or differently: narrow, large, spaced, without colour, without motion. */

import assert from "node:assert/strict";

import { announcement, screenshot, test, Wire } from "./harness.mjs";

const TARGET_PX = 24;
const CONTRAST_TEXT = 4.5;
const CONTRAST_LARGE = 3;
// Source: WCAG 2.2, success criterion 1.4.12.
const SPACING =
  "* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important; } p { margin-bottom: 2em !important; }";

const widths = (page) =>
  page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);

test("at 320 pixels nothing has to be scrolled sideways but the table", async (visit) => {
  const page = await visit.open({ viewport: { width: 320, height: 256 } });
  assert.deepEqual(await widths(page), [320, 320]);
  await page.getByRole("button", { name: "Settings" }).click();
  assert.deepEqual(await widths(page), [320, 320]);
  await screenshot(page, "looks-320-settings", {});
  const outside = await page.evaluate(() =>
    [...document.querySelectorAll("main *, dialog *")]
      .filter((each) => !each.closest("#table-scroller, .skip") && each.getBoundingClientRect().right > 321)
      .map((each) => each.id || each.className || each.tagName),
  );
  assert.deepEqual(outside, []);
});

test("with wider spacing no text is cut off", async (visit) => {
  const page = await visit.open();
  await page.addStyleTag({ content: SPACING });
  for (const width of [1280, 320]) {
    await page.setViewportSize({ width, height: 900 });
    const cut = await page.evaluate(() =>
      [...document.querySelectorAll("button, a, p, h1, h2, li, label, legend")]
        .filter((each) => !each.closest(".skip") && each.getClientRects().length)
        .filter(
          (each) => each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).display !== "inline",
        )
        .map((each) => each.textContent.slice(0, 40)),
    );
    assert.deepEqual(cut, [], `${width} pixels`);
    assert.equal((await widths(page))[0], width);
  }
  await screenshot(page, "looks-spacing", {});
});

test("everything that can be pressed is large enough, and every text stands out, by day and by night", async (visit) => {
  const page = await visit.open({ viewport: { width: 320, height: 640 } });
  await page.getByRole("button", { name: "Settings" }).click();
  const small = await page.evaluate(
    (least) =>
      [...document.querySelectorAll("button, a, input, select, [role=slider]")]
        .filter((each) => !each.closest(".skip") && each.id !== "skip")
        .map((each) => ({ name: each.id || each.textContent, box: each.getBoundingClientRect() }))
        .filter(({ box }) => box.width > 0 && (box.width < least || box.height < least))
        .map(({ name }) => name),
    TARGET_PX,
  );
  assert.deepEqual(small, []);
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    assert.deepEqual(await poorTexts(page), [], colorScheme);
  }
});

// Every text whose contrast with what is behind it is too low.
function poorTexts(page) {
  return page.evaluate(
    ({ text, large }) => {
      const parse = (colour) => colour.match(/[\d.]+/g).map(Number);
      const luminance = ([red, green, blue]) => {
        const [r, g, b] = [red, green, blue]
          .map((part) => part / 255)
          .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const behind = (element) => {
        for (let each = element; each; each = each.parentElement) {
          const colour = parse(getComputedStyle(each).backgroundColor);
          if (colour.length === 3 || colour[3] === 1) return colour;
        }
        return [255, 255, 255];
      };
      const found = new Set();
      for (const element of document.querySelectorAll("body *")) {
        const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
        if (!own || !element.getClientRects().length || element.closest("noscript, .skip")) continue;
        const style = getComputedStyle(element);
        const [light, dark] = [luminance(parse(style.color)), luminance(behind(element))].sort(
          (a, b) => b - a,
        );
        const least = parseFloat(style.fontSize) >= 24 ? large : text;
        const ratio = (light + 0.05) / (dark + 0.05);
        if (ratio < least)
          found.add(`${element.tagName} ${element.id || element.className} ${ratio.toFixed(2)}`);
      }
      return [...found];
    },
    { text: CONTRAST_TEXT, large: CONTRAST_LARGE },
  );
}

// How many pixels of ink stand one upon the other in each body, a little beside its wick.
function inkOfBodies(shown) {
  const pen = document.querySelector("#picture").getContext("2d");
  const { width, height } = pen.canvas;
  const step = (width - 92) / shown;
  return Array.from({ length: shown }, (_, bar) => {
    const column = pen.getImageData(Math.round((bar + 0.5) * step) + 5, 0, 1, Math.floor(height * 0.75)).data;
    let [run, longest] = [0, 0];
    for (let y = 0; y < column.length; y += 4) {
      const inked = column[y + 3] > 128 && column[y] < 128 && column[y + 1] < 128 && column[y + 2] < 128;
      run = inked ? run + 1 : 0;
      longest = Math.max(longest, run);
    }
    return longest;
  });
}

test("without colour a rising bar is hollow, a falling one is filled, and every text can be read", async (visit) => {
  const shown = 20;
  const page = await visit.open({ forcedColors: "active", settings: { barsShown: shown } });
  await page.getByRole("button", { name: "Pause updates" }).click();
  await page.locator("#table-refresh").evaluate((button) => {
    button.disabled = false;
    button.click();
  });
  await screenshot(page, "looks-forced-colours", {});
  const inks = await page.evaluate(inkOfBodies, shown);
  const bars = await page.evaluate(() =>
    [...document.querySelectorAll("#table tbody tr")].map((row) =>
      [...row.querySelectorAll("data")].map((each) => Number(each.value)),
    ),
  );
  const visible = bars.slice(0, shown).reverse();
  const room = Math.max(...visible.map((bar) => bar[1])) - Math.min(...visible.map((bar) => bar[2]));
  const plot = await page.evaluate(() => document.querySelector("#picture").height * 0.7);
  let judged = 0;
  visible.forEach(([open, , , close], index) => {
    const body = (Math.abs(close - open) / room) * plot;
    if (body < 14) return;
    judged += 1;
    if (close > open)
      assert.ok(inks[index] < 8, `Rising bar ${index} has ${inks[index]} of ${body} pixels filled.`);
    else
      assert.ok(
        inks[index] > body * 0.7,
        `Falling bar ${index} has ${inks[index]} of ${body} pixels filled.`,
      );
  });
  assert.ok(judged >= 5, `Only ${judged} bars were large enough.`);
  assert.deepEqual(await textsOnPaperOfTheirColour(page), []);
  return { judged };
});

function textsOnPaperOfTheirColour(page) {
  return page.evaluate(() => {
    const probe = document.createElement("span");
    probe.style.color = "Canvas";
    document.body.append(probe);
    const paper = getComputedStyle(probe).color;
    probe.remove();
    return [...document.querySelectorAll("body *")]
      .filter((each) => [...each.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()))
      .filter((each) => getComputedStyle(each).color === paper)
      .map((each) => each.id || each.textContent);
  });
}

test("the page works under its own security policy", async (visit) => {
  const page = await visit.open({ bypassCSP: false });
  await page.locator("#surface").focus();
  await page.keyboard.press("[");
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByRole("dialog").getByRole("heading", { name: "Settings" }).waitFor();
});

test("the focus can be seen wherever it is, and nothing moves for whoever wants no motion", async (visit) => {
  const page = await visit.open({ reducedMotion: "reduce" });
  const moving = await page.evaluate(() =>
    [...document.querySelectorAll("*")]
      .filter((each) => {
        const { transitionDuration, animationName } = getComputedStyle(each);
        return animationName !== "none" || transitionDuration.split(",").some((part) => parseFloat(part) > 0);
      })
      .map((each) => each.id || each.tagName),
  );
  assert.deepEqual(moving, []);
  const unseen = [];
  for (let presses = 0; presses < 30; presses += 1) {
    await page.keyboard.press("Tab");
    const { name, outline, hidden } = await page.evaluate(() => {
      const element = document.activeElement;
      const box = element.getBoundingClientRect();
      const top = document.elementFromPoint(
        box.x + box.width / 2,
        Math.min(Math.max(box.y + box.height / 2, 0), innerHeight - 1),
      );
      return {
        name: element.id || element.textContent,
        outline: parseFloat(getComputedStyle(element).outlineWidth),
        hidden: !element.contains(top) && !top?.contains(element),
      };
    });
    if (!(outline >= 2) || hidden) unseen.push(name);
  }
  assert.deepEqual(unseen, []);
});

test("an alert is seen wherever the page is scrolled to, and whatever dialog is open", async (visit) => {
  const wire = new Wire();
  const page = await visit.open({
    viewport: { width: 320, height: 480 },
    prepare: (each) => wire.put(each),
  });
  const alert = page.locator("#alert");
  const seen = () =>
    alert.evaluate((each) => {
      const { left, right, top, bottom } = each.getBoundingClientRect();
      const inside = left >= 0 && right <= innerWidth && top >= 0 && bottom <= innerHeight;
      return inside && each.contains(document.elementFromPoint((left + right) / 2, (top + bottom) / 2));
    });
  const told = async (text) => {
    wire.say(announcement(text, { priority: "critical", kind: "alert" }));
    await alert.getByText(text).waitFor();
  };
  await page.locator("#table").scrollIntoViewIfNeeded();
  await told("Alert: heard far below.");
  assert.ok(await seen(), "It was above the window.");
  await screenshot(page, "looks-alert-floating", {});
  await page.evaluate(() => document.querySelector(".heard").scrollIntoView({ block: "center" }));
  await page.locator("#alert:not(.floating)").waitFor();
  assert.ok(await seen(), "It did not go back to its place.");
  await page.locator("#open-settings").click();
  await told("Alert: heard behind the settings.");
  assert.ok(await seen(), "It was behind the dialog.");
});
