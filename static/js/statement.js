// All movements of the client's money.

import { get } from "./api.js";
import { busy, openSignIn } from "./app.js";
import { $, h, t, word } from "./dom.js";
import { money, shortTime, trend } from "./format.js";
import { session } from "./session.js";
import { subscribe } from "./socket.js";
import { list } from "./table.js";

/** In, out, or from one of the client's accounts to another. */
function amount(row) {
  if (row.debit && row.credit) return money(row.amount);
  const signed = (row.credit ? "" : "-") + row.amount;
  return h("span", { class: "figure", "data-trend": trend(signed) }, (row.credit ? "+" : "") + money(signed));
}

const sentence = (words) => h("span", { class: "sentence" }, words);
const account = (name) => sentence(name ? word("account", name) : t("platform"));

const statement = list($("#statement"), {
  path: "index/statement",
  label: t("statement"),
  empty: t("no_history"),
  rows: (data) => data.movements,
  columns: [
    { title: t("movement"), cell: (row) => sentence(word("movement", row.kind)), kind: "lead" },
    { title: t("from"), cell: (row) => account(row.debit) },
    { title: t("to"), cell: (row) => account(row.credit) },
    { title: t("amount"), cell: amount, kind: "number" },
    { title: t("time"), cell: (row) => h("time", {}, shortTime(row.created_at)) },
  ],
});
subscribe("balance", () => statement.reload());

$("#csv").addEventListener("click", (event) => {
  if (!session()) return openSignIn();
  return busy(event.currentTarget, async () => {
    const { data } = await get("index/statement", { format: "csv" });
    const link = h("a", { href: URL.createObjectURL(data), download: "soke-statement.csv" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  });
});
