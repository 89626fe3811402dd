// Positions with their live profit, orders that wait, and what was.

import { post } from "./api.js";
import { busy } from "./app.js";
import { $, because, config, h, put, t, word } from "./dom.js";
import { arrow, money, percent, price, shortTime, signed, trend, volume } from "./format.js";
import { openDialog, toast } from "./popup.js";
import { onSession } from "./session.js";
import { subscribe } from "./socket.js";
import { emptyNote, list, table } from "./table.js";
import { tabs } from "./tabs.js";

const decimals = (row) => config.indexes.find((index) => index.id === row.index.id)?.decimals ?? 4;
const name = (row) => h("span", { "data-content": true }, document.documentElement.lang === "en" ? row.index.sub_title : row.index.title);
const side = (row) => h("span", { class: "side", "data-side": row.direction }, t(row.direction === "buy" ? "long" : "short"), row.lever ? ` ${row.lever}×` : "");
const profit = (amount, rate) => h("span", { class: "figure", "data-trend": trend(amount) }, `${arrow(amount)} ${signed(amount)}${rate === undefined ? "" : ` (${percent(rate)})`}`.trim());
const when = (row) => h("time", {}, shortTime(row.created_at));

const positionColumns = [
  { title: t("index"), cell: (row) => [name(row), " ", side(row)], kind: "lead" },
  { title: t("volume"), cell: (row) => volume(row.position_volume), kind: "number" },
  { title: t("open_price"), cell: (row) => price(row.open_price, decimals(row)), kind: "number" },
  { title: t("liquidation_price"), cell: (row) => (Number(row.liquidation_price) ? price(row.liquidation_price, decimals(row)) : t("none")), kind: "number" },
  { title: t("margin"), cell: (row) => money(row.position_amount), kind: "number" },
  { title: t("profit"), cell: (row) => profit(row.profit_unreal, row.profit_rate), kind: "number profit" },
  { title: t("protection"), cell: (row) => protection(row), kind: "number" },
  { title: t("actions"), cell: (row) => positionActions(row), kind: "actions-cell" },
];

const protection = (row) => {
  const levels = [row.take_profit, row.stop_loss];
  if (!levels.some(Boolean)) return "–";
  return levels.map((level) => (level ? price(level, decimals(row)) : "–")).join(" / ");
};

function positionActions(row) {
  return h(
    "span",
    { class: "row-actions" },
    h("button", { type: "button", class: "small", "data-act": "protect", onclick: () => protect(row) }, t("protect")),
    h("button", { type: "button", class: "small", "data-act": "close", onclick: () => close(row) }, t("close")),
  );
}

function close(row) {
  const number = h("input", { id: "close-volume", name: "volume", type: "number", inputmode: "numeric", min: "1", max: row.position_volume, step: "1", value: row.position_volume, required: true });
  const button = h("button", { type: "submit", class: "primary" }, t("close_position"));
  const form = h("form", { class: "stack" }, h("p", {}, name(row), " ", side(row)), h("label", { for: "close-volume" }, t("close_volume_label", { volume: volume(row.position_volume) }), number), h("p", { class: "note" }, t("close_note")), h("div", { class: "actions" }, button));
  const dialog = openDialog({ title: t("close_position"), content: form });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(button, async () => {
      const part = Number(number.value) < row.position_volume ? { volume: Number(number.value) } : {};
      await post("contract/position/close", { id: row.id, ...part });
      dialog.close();
      toast(t("close_accepted"));
    });
  });
  button.focus();
}

function protect(row) {
  const field = (id, label, value) => h("label", { for: id }, label, h("input", { id, name: id, type: "text", inputmode: "decimal", autocomplete: "off", pattern: "[0-9]+([.][0-9]{1,4})?", value: value || "" }));
  const button = h("button", { type: "submit", class: "primary" }, t("save"));
  const form = h(
    "form",
    { class: "stack" },
    h("p", {}, name(row), " ", side(row), ` @ ${price(row.open_price, decimals(row))}`),
    field("take_profit", t("take_profit"), row.take_profit),
    field("stop_loss", t("stop_loss"), row.stop_loss),
    h("p", { class: "note" }, t("protect_note")),
    h("div", { class: "actions" }, button),
  );
  const dialog = openDialog({ title: t("protect_position"), content: form });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(button, async () => {
      const levels = Object.fromEntries([...new FormData(form)].map(([key, value]) => [key, value || null]));
      await post("contract/position/protect", { id: row.id, ...levels });
      dialog.close();
      toast(t("protected"), "good");
    });
  });
}

const orderColumns = [
  { title: t("index"), cell: (row) => [name(row), " ", side(row)], kind: "lead" },
  { title: t("kind"), cell: (row) => word(row.kind, row.price_type) },
  { title: t("volume"), cell: (row) => volume(row.volume), kind: "number" },
  { title: t("price"), cell: (row) => (row.price ? price(row.price, decimals(row)) : t("at_market")), kind: "number" },
  { title: t("fee"), cell: (row) => money(row.fee), kind: "number" },
  { title: t("time"), cell: when },
];

const waitingColumns = [
  ...orderColumns,
  {
    title: t("actions"),
    kind: "actions-cell",
    cell: (row) =>
      row.price_type === "limit"
        ? h("button", { type: "button", class: "small", "data-act": "cancel", onclick: (event) => busy(event.currentTarget, () => post("contract/order/cancel", { id: row.id })) }, t("cancel"))
        : h("span", { class: "waiting" }, t("next_tick")),
  },
];

/** Whether a pushed table has the same rows, so that only figures need to change and no button loses its focus. */
function refresh(root, label, columns, rows, empty) {
  const ids = rows.map((row) => row.id).join();
  const found = $("table", root);
  if (!rows.length) return root.replaceChildren(emptyNote(empty));
  if (!found || root.dataset.ids !== ids) {
    root.dataset.ids = ids;
    return root.replaceChildren(table(label, columns, rows));
  }
  rows.forEach((row, index) => {
    const cells = found.tBodies[0].rows[index].cells;
    columns.forEach((column, at) => {
      if (column.kind === "actions-cell") return refreshActions(cells[at], column, row);
      const value = $(".value", cells[at]);
      const next = h("span", { class: "value" }, column.cell(row));
      if (!value.isEqualNode(next)) value.replaceWith(next);
    });
  });
  return undefined;
}

function refreshActions(cell, column, row) {
  const value = $(".value", cell);
  const next = h("span", { class: "value" }, column.cell(row));
  if (!value.contains(document.activeElement)) value.replaceWith(next);
}

export class Holdings {
  /** `onPositions(rows)` hears of every push. */
  constructor(root, onPositions) {
    this.positions = [];
    subscribe("index.positions", (rows) => {
      this.closedSince(rows);
      this.positions = rows;
      refresh($("#positions"), t("positions"), positionColumns, rows, t("no_positions"));
      put("#positions-count", rows.length ? String(rows.length) : "");
      onPositions(rows);
    });
    subscribe("orders", (rows) => {
      refresh($("#orders"), t("orders"), waitingColumns, rows, t("no_orders"));
      put("#orders-count", rows.length ? String(rows.length) : "");
    });
    onSession((now) => {
      if (now) return;
      for (const id of ["#positions", "#orders"]) {
        $(id).replaceChildren(emptyNote(t("sign_in_to_see")));
        delete $(id).dataset.ids;
      }
      this.positions = [];
      put("#positions-count", "");
      put("#orders-count", "");
      onPositions([]);
    });
    this.lists = {
      history: list($("#history"), {
        path: "contract/position/logs",
        label: t("closed_positions"),
        empty: t("no_history"),
        columns: [
          { title: t("index"), cell: (row) => [name(row), " ", side(row)], kind: "lead" },
          { title: t("volume"), cell: (row) => volume(row.volume), kind: "number" },
          { title: t("open_price"), cell: (row) => price(row.open_price, decimals(row)), kind: "number" },
          { title: t("close_price"), cell: (row) => price(row.close_price, decimals(row)), kind: "number" },
          { title: t("profit"), cell: (row) => profit(row.profit), kind: "number profit" },
          { title: t("why"), cell: (row) => word("closed", row.reason) },
          { title: t("time"), cell: (row) => h("time", {}, shortTime(row.closed_at || row.opened_at)) },
        ],
      }),
      fills: list($("#fills"), {
        path: "contract/fill/logs",
        label: t("fills"),
        empty: t("no_history"),
        columns: [
          { title: t("index"), cell: (row) => [name(row), " ", side(row)], kind: "lead" },
          { title: t("kind"), cell: (row) => word("fill", row.kind) },
          { title: t("volume"), cell: (row) => volume(row.volume), kind: "number" },
          { title: t("price"), cell: (row) => price(row.price, decimals(row)), kind: "number" },
          { title: t("fee"), cell: (row) => money(row.fee), kind: "number" },
          { title: t("profit"), cell: (row) => profit(row.profit), kind: "number profit" },
          { title: t("time"), cell: when },
        ],
      }),
      ended: list($("#ended"), {
        path: "contract/orders",
        label: t("ended_orders"),
        empty: t("no_history"),
        query: () => ({ status: $("#ended-status").value }),
        columns: [...orderColumns, { title: t("why"), cell: (row) => row.message || because(row.reason) || word("status", row.status) }],
      }),
    };
    $("#ended-status").addEventListener("change", () => this.lists.ended.reload());
    this.tabs = tabs(root, (shown) => this.lists[shown]?.reload());
  }

  /** Says what a position that has gone came to. */
  closedSince(rows) {
    const gone = this.positions.filter((before) => !rows.some((row) => row.id === before.id));
    for (const row of gone) toast(t("position_closed", { index: document.documentElement.lang === "en" ? row.index.sub_title : row.index.title }), "good");
    if (gone.length) for (const each of Object.values(this.lists)) each.reload();
  }
}

