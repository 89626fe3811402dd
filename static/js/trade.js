// One index: its chart, its figures, the order form, and what the client holds.

import { busy, openSignIn, watchAge } from "./app.js";
import { Chart } from "./chart.js";
import { $, $$, config, put, t } from "./dom.js";
import { arrow, percent, price, trend, volume } from "./format.js";
import { Holdings } from "./holdings.js";
import { pay } from "./pay.js";
import { session } from "./session.js";
import { onState, subscribe } from "./socket.js";
import { Ticket } from "./ticket.js";

const code = $("main").dataset.code;
const index = config.indexes.find((each) => each.code === code);
const chart = new Chart($("#chart"), $("#legend"), index);
const ticket = new Ticket($("#ticket"), index);
const fresh = watchAge($("#old"));

const intervals = $$("[data-interval]");
function choose(button) {
  for (const other of intervals) other.setAttribute("aria-pressed", String(other === button));
  localStorage.setItem("soke.interval", button.dataset.interval);
  chart.show(button.dataset.interval).catch(() => put($("#legend"), t("network")));
}
for (const button of intervals) button.addEventListener("click", () => choose(button));
choose(intervals.find((button) => button.dataset.interval === localStorage.getItem("soke.interval")) || intervals[0]);

subscribe(`index.kline.${code}`, (data) => chart.update(data));
subscribe(`index.market.${code}`, (data) => {
  fresh();
  ticket.last = data.last_price;
  const way = trend(data.quote_change);
  const before = Number($("#last").dataset.value);
  $("#last").dataset.value = data.last_price;
  if (before && before !== data.last_price) $("#last").dataset.tick = data.last_price > before ? "up" : "down";
  put("#last", price(data.last_price, index.decimals));
  put("#change", `${arrow(data.quote_change)} ${percent(data.quote_change)}`.trim());
  $("#change").dataset.trend = way;
  put("#open", price(data.open_price, index.decimals));
  put("#high", price(data.today_high, index.decimals));
  put("#low", price(data.today_low, index.decimals));
  put("#traded", volume(data.trade_volume));
  put("#open-interest", volume(data.position_volume));
  $("#stale").hidden = !data.stale;
  document.title = `${price(data.last_price, index.decimals)} ${arrow(data.quote_change)} ${index.sub_title} · SOKE`;
});

let wasAway = false;
onState((state) => {
  if (state === "live" && wasAway) chart.latest().catch(() => {});
  wasAway = state === "away" || (wasAway && state !== "live");
});

new Holdings($("#holdings"), (rows) => {
  const mine = rows.filter((row) => row.index.id === index.id);
  chart.mark(
    mine.flatMap((row) => [
      { price: Number(row.open_price), title: t(row.direction === "buy" ? "long" : "short"), colour: row.direction === "buy" ? "up" : "down" },
      ...(Number(row.liquidation_price) ? [{ price: Number(row.liquidation_price), title: t("liquidation"), colour: "warn" }] : []),
    ]),
  );
});

$("#fund-me button").addEventListener("click", (event) => {
  if (!session()) return openSignIn();
  return busy(event.currentTarget, () => pay("deposit", { amount: "1000" }));
});
