// The market at a glance.

import { get } from "./api.js";
import { onHome, watchAge } from "./app.js";
import { $, $$, config, h, put } from "./dom.js";
import { arrow, percent, price, roughly, trend, volume } from "./format.js";
import { draw } from "./sparkline.js";
import { subscribe } from "./socket.js";

const POINTS = 90;
const fresh = watchAge($("#old"));

for (const index of config.indexes) {
  const row = $(`[data-code="${index.code}"]`);
  let values = [];
  const svg = $("svg.spark", row);

  async function history() {
    const { data } = await get("contract/index/kline", { id: index.id, interval: "1min", limit: POINTS });
    values = data.length ? [data[0].open, ...data.map((candle) => candle.close)] : [];
    draw(svg, values);
  }
  history().catch(() => {});
  setInterval(() => history().catch(() => {}), 60_000);

  subscribe(`index.market.${index.code}`, (data) => {
    fresh();
    const way = trend(data.quote_change);
    put($(".last", row), price(data.last_price, index.decimals));
    put($(".change", row), `${arrow(data.quote_change)} ${percent(data.quote_change)}`.trim());
    $(".change", row).dataset.trend = way;
    svg.dataset.trend = way;
    put($(".high", row), price(data.today_high, index.decimals));
    put($(".low", row), price(data.today_low, index.decimals));
    put($(".volume", row), volume(data.trade_volume));
    $(".stale", row).hidden = !data.stale;
    if (values.length) draw(svg, (values = [...values.slice(0, -1), data.last_price]));
  });
}

onHome((home) => {
  put("#market-pool", `${roughly(home.global.market_pool)}`);
  put("#incentive-pool", `${roughly(home.global.incentive_pool)}`);
  const funds = $("#home-funds");
  funds.replaceChildren(
    ...home.fund.map((fund) => h("li", {}, h("a", { href: "/funds" }, h("span", { "data-content": true }, fund.title), h("span", { class: "figure", "data-trend": trend(fund.profit) }, percent(fund.profit))))),
  );
  $("#funds-teaser").hidden = !home.fund.length;
  for (const each of $$("[data-signed-out]")) each.hidden = Boolean(home.my.address);
});
