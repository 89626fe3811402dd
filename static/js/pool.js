// The market pool: its figures, the client's pledge, what it earned and lost.

import { post } from "./api.js";
import { busy, onHome, onSubmit, openSignIn, readHome } from "./app.js";
import { $, h, put, t, word } from "./dom.js";
import { money, percent, roughly, shortTime } from "./format.js";
import { pay } from "./pay.js";
import { confirmed, toast } from "./popup.js";
import { session } from "./session.js";
import { subscribe } from "./socket.js";
import { list } from "./table.js";
import { tabs } from "./tabs.js";

onHome((home) => {
  put("#pool-equity", roughly(home.global.market_pool));
  const share = Number(home.my.market_pledge) / Number(home.global.market_pool) || 0;
  put("#my-share", home.my.address ? percent(share, { sign: false }) : "–");
  for (const name of ["market_pledge", "market_income", "market_loss"]) put(`#${name}`, home.my.address ? money(home.my[name]) : "–");
});
setInterval(readHome, 15_000);
subscribe("balance", () => readHome());

onSubmit($("#pledge"), async ({ amount }) => {
  if (!(await pay("pledge", { amount }))) return;
  $("#pledge").reset();
  readHome();
  pledges.reload();
});

$("#leave").addEventListener("click", async (event) => {
  const button = event.currentTarget;
  if (!session()) return openSignIn();
  if (!(await confirmed({ title: t("leave_pool"), text: t("leave_pool_text"), action: t("leave_pool"), danger: true }))) return undefined;
  return busy(button, async () => {
    await post("market/pledge/cancel");
    toast(t("leaving"), "good");
    pledges.reload();
  });
});

const pledges = list($("#pledges"), {
  path: "market/pledges",
  label: t("pledges"),
  empty: t("no_pledges"),
  rows: (data) => {
    // The newest come first, and leaving takes all that there are: the first page tells.
    $("#leave").disabled = !data.some((row) => row.status === "active");
    return data;
  },
  columns: [
    { title: t("amount"), cell: (row) => money(row.amount), kind: "number lead" },
    { title: t("principal_now"), cell: (row) => money(row.principal), kind: "number" },
    { title: t("state"), cell: (row) => word("pledge", row.status) },
    { title: t("time"), cell: (row) => shortTime(row.created_at) },
  ],
});
const rewards = [
  { title: t("time"), cell: (row) => h("time", {}, shortTime(row.created_at)), kind: "lead" },
  { title: t("amount"), cell: (row) => money(row.reward), kind: "number" },
];
const lists = {
  income: list($("#income"), { path: "market/income/logs", label: t("income"), empty: t("no_history"), columns: rewards }),
  loss: list($("#loss"), { path: "market/loss/logs", label: t("loss"), empty: t("no_history"), columns: rewards }),
};
tabs($("#results"), (shown) => lists[shown]?.reload());
