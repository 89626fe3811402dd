// The client's money: what it has where, in and out.

import { get, post } from "./api.js";
import { busy, onSubmit, readHome } from "./app.js";
import { $, $$, because, h, put, t, word } from "./dom.js";
import { address, money, shortTime } from "./format.js";
import { pay } from "./pay.js";
import { toast } from "./popup.js";
import { onSession } from "./session.js";
import { subscribe } from "./socket.js";
import { emptyNote, list, table } from "./table.js";

const hash = (text) => (text ? h("span", { class: "mono", title: text }, address(text)) : "–");

subscribe("balance", (data) => {
  for (const [account, amount] of Object.entries(data)) put(`#balance-${account}`, money(amount));
});

const state = (row) => {
  if (row.status === 1) return t("confirmations", { got: row.confirmations, needed: row.confirmations_needed });
  if (row.status === 3) return because(row.reason);
  return word("payment", row.status);
};
const columns = [
  { title: t("purpose"), cell: (row) => t(`pay_${row.purpose}`), kind: "lead" },
  { title: t("amount"), cell: (row) => money(row.amount), kind: "number" },
  { title: t("state"), cell: state },
  { title: t("transaction"), cell: (row) => hash(row.tx_hash) },
  { title: t("time"), cell: (row) => shortTime(row.created_at) },
  {
    title: t("actions"),
    kind: "actions-cell",
    cell: (row) =>
      row.status === 0
        ? h("button", { type: "button", class: "small", onclick: (event) => busy(event.currentTarget, () => pay(row.purpose, {}, { no: row.no, amount: row.amount })) }, t("pay_now"))
        : "",
  },
];

// Withdrawals are pushed with the payments; their states are words.
let underway = "";
subscribe("payments", (all) => {
  const rows = all.filter((row) => typeof row.status === "number");
  const states = all.map((row) => `${row.no} ${row.status}`).join();
  if (states !== underway) withdrawals.reload();
  underway = states;
  $("#payments").replaceChildren(rows.length ? table(t("recent_payments"), columns, rows) : emptyNote(t("no_payments")));
});

const withdrawals = list($("#withdrawals"), {
  path: "index/withdrawals",
  label: t("withdrawals"),
  empty: t("no_withdrawals"),
  columns: [
    { title: t("amount"), cell: (row) => money(row.amount), kind: "number lead" },
    { title: t("network_fee"), cell: (row) => money(row.fee), kind: "number" },
    { title: t("arrival"), cell: (row) => money(row.arrival), kind: "number" },
    { title: t("state"), cell: (row) => word("withdrawal", row.status) },
    { title: t("transaction"), cell: (row) => hash(row.tx_hash) },
    { title: t("time"), cell: (row) => shortTime(row.created_at) },
  ],
});

onSubmit($("#deposit"), async ({ amount }) => {
  if (await pay("deposit", { amount })) $("#deposit").reset();
});
for (const button of $$("#deposit [data-amount]")) button.addEventListener("click", () => ($("#deposit").amount.value = button.dataset.amount));

onSubmit($("#withdraw"), async ({ amount }) => {
  const { data } = await post("index/withdraw", { amount });
  toast(t("withdrawal_accepted", { arrival: money(data.arrival) }), "good");
  $("#withdraw").reset();
  withdrawals.reload();
  readHome();
});
$("#withdraw-all").addEventListener("click", () => {
  const available = $("#balance-available").textContent.replaceAll(",", "");
  if (Number(available)) $("#withdraw").amount.value = available;
});

onSession((now) => {
  put("#own-address", now ? now.address : "–");
  if (now) return;
  for (const cell of $$("[id^=balance-]")) put(cell, "–");
  $("#payments").replaceChildren(emptyNote(t("sign_in_to_see")));
});

get("index/config")
  .then(({ data }) => {
    put("#withdraw-least", t("withdrawal_terms", { least: money(data.minimum_withdrawal), fee: money(data.withdrawal_fee), times: data.withdrawals_a_day }));
  })
  .catch(() => {});
