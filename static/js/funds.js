// Funds: what is on sale, what the client has, what it brought.

import { get, post } from "./api.js";
import { busy, onHome, openSignIn, readHome } from "./app.js";
import { $, because, h, put, t, word } from "./dom.js";
import { money, percent, roughly, shortTime, signed, trend, volume } from "./format.js";
import { pay } from "./pay.js";
import { confirmed, toast } from "./popup.js";
import { onSession, session } from "./session.js";
import { subscribe } from "./socket.js";
import { emptyNote, list } from "./table.js";
import { tabs } from "./tabs.js";

subscribe("balance", (data) => put("#fund-principal", money(data.fund_principal)));
onHome((home) => {
  put("#fund-income", home.my.address ? signed(home.my.fund_income) : "–");
  if (!session()) show(home.fund.map(teaser));
});

const months = (number) => t(Number(number) === 1 ? "month" : "months", { months: number });

/** What redeeming before the end costs, if it is possible at all. */
const early = ({ early_fee: rate }) => (rate === null ? t("early_none") : t("early_fee", { rate: percent(rate, { sign: false }) }));

/** What a visitor sees of a fund before signing in. */
const teaser = (fund) =>
  h(
    "div",
    { class: "card fund stack" },
    h("h2", { "data-content": true }, fund.title),
    h("p", { class: "big figure", "data-trend": trend(fund.profit) }, percent(fund.profit)),
    h("button", { type: "button", class: "primary", onclick: openSignIn }, t("connect_to_buy")),
  );

function product(fund) {
  const id = `fund-${fund.id}`;
  const left = h("meter", { min: "0", max: fund.total_volume, value: fund.remain_volume, "aria-label": t("left") });
  const periods = fund.periods.map(({ period, profit }, index) =>
    h(
      "label",
      { class: "choice" },
      h("input", { type: "radio", name: "period", value: period, checked: index === 0 }),
      h("span", {}, h("b", {}, months(period)), h("span", { class: "figure", "data-trend": trend(profit) }, percent(profit))),
    ),
  );
  const number = h("input", { id: `${id}-volume`, name: "volume", type: "number", inputmode: "numeric", min: "1", max: fund.remain_volume || 1, step: "1", value: "1", required: true });
  const cost = h("p", { class: "cost" });
  const button = h("button", { type: "submit", class: "primary", disabled: !fund.remain_volume }, t(fund.remain_volume ? "buy_fund" : "sold_out"));
  const form = h(
    "form",
    { class: "card fund stack", "aria-labelledby": id },
    h("h2", { id, "data-content": true }, fund.title),
    h("p", { class: "note" }, t("unit_price", { price: money(fund.unit_price) })),
    h("div", { class: "left" }, left, h("span", {}, t("left_of", { left: volume(fund.remain_volume), total: volume(fund.total_volume) }))),
    h("fieldset", { class: "choices" }, h("legend", {}, t("period")), periods),
    h("p", { class: "note" }, early(fund)),
    h("label", { for: `${id}-volume` }, t("units"), number),
    cost,
    button,
  );
  const reckon = () => put(cost, t("costs", { amount: number.validity.valid ? roughly((Number(fund.unit_price) * Number(number.value)).toFixed(6)) : "–" }));
  form.addEventListener("input", reckon);
  reckon();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!session()) return openSignIn();
    return busy(button, async () => {
      const fields = Object.fromEntries(new FormData(form));
      if (await pay("fund", { id: fund.id, period: Number(fields.period), volume: Number(fields.volume) })) changed();
    });
  });
  return form;
}

function show(cards) {
  $("#products").replaceChildren(...(cards.length ? cards : [emptyNote(t("no_funds"))]));
}

async function products() {
  if (!session()) return;
  try {
    const { data } = await get("fund/products");
    show(data.map(product));
  } catch (error) {
    $("#products").replaceChildren(emptyNote(error.message));
  }
}
onSession(products);

function changed() {
  readHome();
  products();
  readRedeemed().catch(() => {});
  for (const each of Object.values(lists)) each.reload();
}

const isEarly = (row) => row.matures_at && new Date(`${row.matures_at.replace(" ", "T")}+08:00`) > new Date();
const redeemable = (row) => row.status === 2 && !row.redeemed_at && !back.has(row.no) && (row.early_fee !== null || !isEarly(row));

async function redeem(row, button) {
  const text = isEarly(row) ? `${t("redeem_text", { amount: money(row.amount) })} ${early(row)}` : t("redeem_text", { amount: money(row.amount) });
  if (!(await confirmed({ title: t("redeem"), text, action: t("redeem") }))) return;
  await busy(button, async () => {
    await post("fund/order/redeem", { id: row.id });
    toast(t("redeemed"), "good");
    changed();
  });
}

// What was redeemed keeps its state among the purchases.
const back = new Set();
async function readRedeemed() {
  if (!session()) return;
  const { data } = await get("fund/redeem/logs", { per_page: 100 });
  for (const row of data) back.add(row.no);
  lists.bought.reload();
}

const title = (row) => h("span", { "data-content": true }, row.product.title);
const columns = [
  { title: t("fund"), cell: title, kind: "lead" },
  { title: t("units"), cell: (row) => volume(row.volume), kind: "number" },
  { title: t("amount"), cell: (row) => money(row.amount), kind: "number" },
  { title: t("period"), cell: (row) => months(row.period) },
];
const lists = {
  bought: list($("#bought"), {
    path: "fund/buy/logs",
    label: t("fund_orders"),
    empty: t("no_history"),
    columns: [
      ...columns,
      { title: t("state"), cell: (row) => (row.status === 3 ? because(row.reason) : word("payment", row.status)) },
      { title: t("matures"), cell: (row) => (row.matures_at ? row.matures_at.slice(0, 16) : "–") },
      {
        title: t("actions"),
        kind: "actions-cell",
        cell: (row) => (redeemable(row) ? h("button", { type: "button", class: "small", "data-act": "redeem", onclick: (event) => redeem(row, event.currentTarget) }, t("redeem")) : ""),
      },
    ],
  }),
  redeemed: list($("#redeemed"), {
    path: "fund/redeem/logs",
    label: t("redemptions"),
    empty: t("no_history"),
    columns: [...columns, { title: t("returned"), cell: (row) => money(row.redeemed_amount), kind: "number" }, { title: t("fee"), cell: (row) => money(row.fee), kind: "number" }, { title: t("time"), cell: (row) => shortTime(row.created_at) }],
  }),
  rewards: list($("#rewards"), {
    path: "fund/reward/logs",
    label: t("rewards"),
    empty: t("no_history"),
    columns: [
      { title: t("fund"), cell: title, kind: "lead" },
      { title: t("amount"), cell: (row) => h("span", { class: "figure", "data-trend": trend(row.reward) }, signed(row.reward)), kind: "number" },
      { title: t("time"), cell: (row) => shortTime(row.created_at) },
    ],
  }),
};
onSession(() => readRedeemed().catch(() => {}));
tabs($("#fund-logs"), (shown) => lists[shown]?.reload());
