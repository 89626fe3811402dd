// All movements of the client's money.

import { get } from "./api.js";
import { busy, openSignIn } from "./app.js";
import { $, h, t } from "./dom.js";
import { money, shortTime, signed, trend } from "./format.js";
import { session } from "./session.js";
import { list } from "./table.js";

list($("#statement"), {
  path: "index/statement",
  label: t("statement"),
  empty: t("no_history"),
  columns: [
    { title: t("time"), cell: (row) => h("time", {}, shortTime(row.created_at)) },
    { title: t("movement"), cell: (row) => h("span", { "data-content": true }, row.kind), kind: "lead" },
    { title: t("account"), cell: (row) => row.account },
    { title: t("amount"), cell: (row) => h("span", { class: "figure", "data-trend": trend(row.amount) }, signed(row.amount)), kind: "number" },
    { title: t("balance"), cell: (row) => money(row.balance), kind: "number" },
  ],
});

$("#csv").addEventListener("click", (event) => {
  if (!session()) return openSignIn();
  return busy(event.currentTarget, async () => {
    const { data } = await get("index/statement", { format: "csv" });
    const link = h("a", { href: URL.createObjectURL(data), download: "soke-statement.csv" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  });
});
