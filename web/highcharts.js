/**
 * Highcharts Stock in place of our own drawing, where this installation has it.
 *
 * It draws, and describes itself by its accessibility module. The cursor, the keys and what is spoken stay ours:
 * its own announcements tell that something was updated, but not what, and replace each other.
 */

import { coloursOf } from "./picture.js";

const SCRIPTS = ["highstock.js", "modules/sonification.js", "modules/accessibility.js"];

/** Load it from its address; null when it cannot be had. */
export async function loadHighcharts(address) {
  try {
    for (const script of SCRIPTS) await loadScript(`${address}/${script}`);
  } catch {
    return null;
  }
  return globalThis.Highcharts ?? null;
}

function loadScript(address) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.addEventListener("load", resolve);
    script.addEventListener("error", reject);
    document.head.append(script);
  });
}

const candle = (bar) => [
  bar.openTimeMs,
  ...["open", "high", "low", "close"].map((field) => bar.numbers[field]),
];
const volume = (bar) => [bar.openTimeMs, bar.numbers.volume];

export class HighchartsPicture {
  #library;
  #place;
  #words;
  #drawn = null;
  #drawnChart = null;
  #wanted = false;
  chart = null;
  cursorMs = null;
  shown = 80;

  constructor(library, place, words) {
    this.#library = library;
    this.#place = place;
    this.#words = words;
    place.hidden = false;
  }

  recolour() {
    this.#drawn?.destroy();
    this.#drawn = null;
    this.draw();
  }

  draw() {
    if (this.#wanted) return;
    this.#wanted = true;
    requestAnimationFrame(() => {
      this.#wanted = false;
      if (this.chart) this.#update();
    });
  }

  timeAt(x) {
    if (!this.#drawn) return null;
    const place = this.chart.bars.placeOf(this.#drawn.xAxis[0].toValue(x));
    return this.chart.bars.at(Math.max(place, 0))?.openTimeMs ?? null;
  }

  /** Play the chart by the sonification module, for a chart of which the service gives no series. */
  sonify() {
    this.#drawn?.sonify?.();
  }

  #update() {
    if (this.#drawn === null || this.#drawnChart !== this.chart) return this.#create();
    const { bars } = this.chart;
    const list = bars.slice(0, bars.count);
    this.#drawn.series[0].setData(list.map(candle), false, false, false);
    this.#drawn.series[1].setData(list.map(volume), false, false, false);
    this.#look();
  }

  #create() {
    this.#drawn?.destroy();
    this.#drawnChart = this.chart;
    const { bars, title, pricePlaces } = this.chart;
    const list = bars.slice(0, bars.count);
    const { up, down, paper, line, text, volume: grey } = coloursOf(this.#place);
    const labels = { style: { color: text }, align: "left", x: 8 };
    this.#drawn = this.#library.stockChart(this.#place, {
      chart: { animation: false, styledMode: false, backgroundColor: "transparent", marginRight: 92 },
      accessibility: {
        landmarkVerbosity: "one",
        description: title,
        announceNewData: { enabled: false },
        keyboardNavigation: { enabled: false },
        series: { pointDescriptionEnabledThreshold: 1 },
      },
      title: { text: undefined },
      credits: { enabled: false },
      navigator: { enabled: false },
      scrollbar: { enabled: false },
      rangeSelector: { enabled: false },
      tooltip: { enabled: false },
      plotOptions: {
        series: { animation: false, dataGrouping: { enabled: false }, enableMouseTracking: false },
      },
      xAxis: { labels: { style: { color: text } }, lineColor: line, tickColor: line },
      yAxis: [
        {
          height: "80%",
          gridLineColor: line,
          labels: { ...labels, formatter: ({ value }) => this.#words().decimal(value, pricePlaces) },
        },
        { top: "82%", height: "18%", labels: { enabled: false }, gridLineWidth: 0 },
      ],
      series: [
        {
          type: "candlestick",
          name: title,
          data: list.map(candle),
          color: down,
          lineColor: down,
          upColor: paper,
          upLineColor: up,
        },
        {
          type: "column",
          name: this.#words().say("volume"),
          data: list.map(volume),
          yAxis: 1,
          color: grey,
          borderWidth: 0,
        },
      ],
    });
    this.#look();
  }

  #look() {
    const { bars } = this.chart;
    const cursor = this.cursorMs === null ? bars.count - 1 : Math.max(bars.placeOf(this.cursorMs), 0);
    const start =
      cursor < bars.count - this.shown
        ? Math.max(0, cursor - Math.floor(this.shown / 4))
        : bars.count - this.shown;
    const axis = this.#drawn.xAxis[0];
    const first = bars.at(Math.max(start, 0));
    const last = bars.at(Math.min(Math.max(start, 0) + this.shown - 1, bars.count - 1));
    axis.removePlotLine("cursor");
    if (this.cursorMs !== null)
      axis.addPlotLine({ id: "cursor", value: this.cursorMs, width: 2, dashStyle: "Dash", color: "#888" });
    if (first && last) axis.setExtremes(first.openTimeMs, last.openTimeMs, false, false);
    this.#drawn.redraw(false);
  }
}
