// Deposit, pledge and fund purchase are one path: prepare an order, pay it by wallet, name the transaction, wait for
// the chain. The dialog shows how far it is; what closes it changes nothing, the platform finds the payment anyway.

import { post } from "./api.js";
import { $, because, config, h, t } from "./dom.js";
import { address, money } from "./format.js";
import { openDialog, toast } from "./popup.js";
import { subscribe } from "./socket.js";
import { transfer } from "./wallets.js";

const PATHS = {
  deposit: ["index/recharge/order", "index/recharge"],
  pledge: ["market/pledge/order", "market/pledge"],
  fund: ["fund/product/buy/order", "fund/product/buy"],
};
const STEPS = ["prepared", "paid", "confirmed", "booked"];
const watched = new Map();
let listening = false;

function listen() {
  if (listening) return;
  listening = true;
  subscribe("payments", (rows) => {
    for (const row of rows) watched.get(row.no)?.(row);
  });
}

function progressDialog(purpose) {
  const steps = Object.fromEntries(
    STEPS.map((name) => [name, h("li", { class: "step" }, h("span", { class: "dot", "aria-hidden": "true" }), h("span", {}, t(`step_${name}`)))]),
  );
  const bar = h("progress", { max: "1", value: "0", "aria-label": t("step_confirmed") });
  const line = h("p", { class: "note", role: "status" });
  const dialog = openDialog({
    title: t(`pay_${purpose}`),
    content: h("div", { class: "stack" }, h("p", { class: "pay-amount" }), h("ol", { class: "steps" }, Object.values(steps)), bar, line),
  });
  return {
    dialog,
    say: (text) => (line.textContent = text),
    amount: (text) => ($(".pay-amount", dialog).textContent = text),
    bar,
    reach(name) {
      const at = STEPS.indexOf(name);
      STEPS.forEach((step, index) => {
        steps[step].className = index < at ? "step done" : index === at ? "step now" : "step";
        if (index === at) steps[step].setAttribute("aria-current", "step");
        else steps[step].removeAttribute("aria-current");
      });
    },
  };
}

/** Prepares an order of `body` and pays it; with `order` (no, amount) pays one that was prepared before. Resolves to
 * whether it was booked, as far as the dialog stayed open to see. */
export async function pay(purpose, body, order = null) {
  listen();
  const [prepare, submit] = PATHS[purpose];
  const prepared = order
    ? { address: config.receiving, token: config.token, chain_id: config.chain_id, ...order }
    : (await post(prepare, body)).data;
  const view = progressDialog(purpose);
  view.amount(`${money(prepared.amount)} USDT → ${address(prepared.address)}`);
  view.reach("paid");
  view.say(t("pay_in_wallet"));
  const ended = new Promise((resolve) => {
    view.dialog.addEventListener("close", () => resolve(false));
    watched.set(prepared.no, (row) => {
      if (row.status === 1 || row.confirmations > 0) {
        view.reach("confirmed");
        view.bar.max = row.confirmations_needed;
        view.bar.value = Math.min(row.confirmations, row.confirmations_needed);
        view.say(t("confirmations", { got: view.bar.value, needed: row.confirmations_needed }));
      }
      if (row.status === 2) {
        view.reach("finished");
        view.bar.value = view.bar.max;
        view.say(t("pay_done"));
        resolve(true);
      }
      if (row.status === 3) {
        view.say(because(row.reason));
        toast(because(row.reason), "bad");
        resolve(false);
      }
    });
  });
  try {
    const id = await transfer(prepared);
    view.reach("confirmed");
    view.say(t("confirmations", { got: 0, needed: config.confirmations }));
    await post(submit, { no: prepared.no, id });
  } catch (error) {
    view.say(error.message);
    toast(error.message, "bad");
    view.dialog.classList.add("failed");
    return false;
  }
  const booked = await ended;
  if (booked) {
    toast(t(`booked_${purpose}`, { amount: money(prepared.amount) }), "good");
    setTimeout(() => view.dialog.open && view.dialog.close(), 1200);
  }
  watched.delete(prepared.no);
  return booked;
}
