// The candle chart: nine intervals, the running candle live, older ones as far as one scrolls.

import { CandlestickSeries, createChart, CrosshairMode, LineStyle } from "../vendor/lightweight-charts.js";
import { get } from "./api.js";
import { language, put, t } from "./dom.js";
import { percent, price } from "./format.js";

const PAGE = 300;
// Candles begin by the clock of Asia/Shanghai; the chart writes UTC.
const EAST = 8 * 3600;

const colours = (() => {
  const probe = document.createElement("i");
  probe.hidden = true;
  document.body.append(probe);
  return (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
})();

export class Chart {
  constructor(root, legend, index) {
    this.root = root;
    this.legend = legend;
    this.index = index;
    this.candles = [];
    this.loading = false;
    this.complete = false;
    this.lines = [];
    this.chart = createChart(root, {
      autoSize: true,
      // The attribution stands beneath the chart: the library's own would need inline styles.
      layout: { attributionLogo: false, fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 12 },
      localization: { locale: language, priceFormatter: (value) => price(value.toFixed(Math.min(index.decimals, 2)), index.decimals) },
      crosshair: { mode: CrosshairMode.Normal },
      timeScale: { timeVisible: true, secondsVisible: false, rightOffset: 6, barSpacing: 8 },
      rightPriceScale: { scaleMargins: { top: 0.12, bottom: 0.12 } },
    });
    this.series = this.chart.addSeries(CandlestickSeries, { borderVisible: false, priceLineStyle: LineStyle.Dotted });
    this.paint();
    window.addEventListener("soke:theme", () => this.paint());
    this.chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
      if (range && range.from < 30) this.older();
    });
    this.chart.subscribeCrosshairMove((event) => {
      const hovered = event.seriesData.get(this.series);
      this.hovered = hovered || null;
      this.describe();
    });
  }

  paint() {
    const [text, line, up, down] = ["muted", "line", "up", "down"].map(colours);
    this.chart.applyOptions({
      layout: { background: { color: "transparent" }, textColor: text },
      grid: { vertLines: { color: line }, horzLines: { color: line } },
      rightPriceScale: { borderColor: line },
      timeScale: { borderColor: line },
    });
    this.series.applyOptions({ upColor: up, wickUpColor: up, downColor: down, wickDownColor: down });
    for (const { line: drawn, colour } of this.lines) drawn.applyOptions({ color: colours(colour) });
  }

  async show(interval) {
    this.interval = interval;
    this.complete = false;
    this.candles = [];
    // What is shown meanwhile asks for nothing older.
    this.loading = true;
    try {
      await this.latest();
    } finally {
      this.loading = false;
    }
    this.chart.timeScale().applyOptions({ timeVisible: !["1day", "1week", "1mon"].includes(interval) });
    this.chart.timeScale().setVisibleLogicalRange({ from: this.candles.length - Math.min(90, Math.max(40, this.root.clientWidth / 9)), to: this.candles.length + 5 });
  }

  async read(query) {
    const { data } = await get("contract/index/kline", { id: this.index.id, interval: this.interval, limit: PAGE, ...query });
    return data.map(shown);
  }

  /** The newest candles; after a pause of the socket it fills what was missed. */
  async latest() {
    const interval = this.interval;
    const found = await this.read({});
    if (interval !== this.interval || !found.length) return;
    const kept = this.candles.length && this.candles.at(-1).time >= found[0].time ? this.candles.filter((candle) => candle.time < found[0].time) : [];
    this.candles = [...kept, ...found];
    this.series.setData(this.candles);
    this.describe();
  }

  async older() {
    if (this.loading || this.complete || !this.candles.length) return;
    this.loading = true;
    const interval = this.interval;
    try {
      const found = await this.read({ to: this.candles[0].time - EAST - 1 });
      if (interval !== this.interval) return;
      this.complete = found.length < PAGE;
      if (!found.length) return;
      this.candles = [...found, ...this.candles];
      this.series.setData(this.candles);
    } catch {
      // The next scroll tries again.
    } finally {
      this.loading = false;
    }
  }

  /** A push of `index.kline.<code>`. */
  update(data) {
    const candle = data[this.interval] && shown(data[this.interval]);
    const last = this.candles.at(-1);
    if (!candle || !last || candle.time < last.time) return;
    if (candle.time === last.time) this.candles[this.candles.length - 1] = candle;
    else this.candles.push(candle);
    this.series.update(candle);
    this.describe();
  }

  describe() {
    const candle = this.hovered || this.candles.at(-1);
    if (!candle) return;
    const figures = Object.fromEntries(["open", "high", "low", "close"].map((name) => [name, price(candle[name].toFixed(4), this.index.decimals)]));
    put(this.legend, t("legend", { ...figures, change: percent(candle.close / candle.open - 1) }));
  }

  /** Horizontal lines: [{price, title, colour}]. */
  mark(levels) {
    for (const { line } of this.lines) this.series.removePriceLine(line);
    this.lines = levels.map(({ price: at, title, colour }) => ({
      colour,
      line: this.series.createPriceLine({ price: at, title, color: colours(colour), lineWidth: 1, lineStyle: LineStyle.Dashed, axisLabelVisible: true }),
    }));
  }
}

const shown = ({ timestamp, open, high, low, close }) => ({ time: timestamp + EAST, open, high, low, close });
