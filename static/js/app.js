// What every page does: who is here, theme, popups, what the data is worth.

import { get } from "./api.js";
import { $, $$, config, h, put, t } from "./dom.js";
import { address, roughly, time } from "./format.js";
import { openDialog, toast } from "./popup.js";
import { onSession, session } from "./session.js";
import * as socket from "./socket.js";
import { demonstrationAccount, installed, keepDemonstrationAccount, prolong, signIn, signOut } from "./wallets.js";

const listeners = new Set();
let home = null;

/** Calls `listener` with the home call's data, now if it is known and whenever it was read anew. */
export function onHome(listener) {
  listeners.add(listener);
  if (home) listener(home);
}

let reading = null;

/** Reads the home call again: pools and the client's own figures. */
export function readHome() {
  reading ??= get("index/index")
    .then(({ data }) => {
      home = data;
      for (const listener of listeners) listener(home);
    })
    .catch((error) => error.reason === "popup" || toast(error.message, "bad"))
    .finally(() => (reading = null));
  return reading;
}

function themes() {
  const root = document.documentElement;
  $("#theme").addEventListener("click", () => {
    const dark = getComputedStyle(root).colorScheme.startsWith("dark") || (!root.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
    root.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem("soke.theme", root.dataset.theme);
    window.dispatchEvent(new Event("soke:theme"));
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => window.dispatchEvent(new Event("soke:theme")));
}

/** The dialog that asks with which wallet. */
export function openSignIn() {
  const line = h("p", { class: "note", role: "status" });
  const content = h("div", { class: "stack" });
  async function go(button, wallet) {
    for (const other of $$("button", content)) other.disabled = true;
    line.textContent = t("sign_in_wallet");
    try {
      await signIn(wallet);
      dialog.close();
      toast(t("signed_in", { address: address(session().address) }), "good");
    } catch (error) {
      line.textContent = error.message;
      for (const other of $$("button", content)) other.disabled = false;
      button.focus();
    }
  }
  const found = installed();
  for (const { id, name } of found) {
    const button = h("button", { type: "button", class: "wallet-choice", onclick: () => go(button, { id }) }, name);
    content.append(button);
  }
  if (!found.length) content.append(h("p", {}, t(config.demonstration.length ? "no_wallet_demonstration" : "no_wallet")));
  if (config.demonstration.length) {
    const account = demonstrationAccount();
    const choice = h(
      "select",
      { id: "demonstration-account" },
      config.demonstration.map((each, index) => h("option", { value: each, selected: each === account }, t("account_number", { number: index + 3, address: address(each) }))),
    );
    const button = h(
      "button",
      {
        type: "button",
        class: "wallet-choice primary",
        onclick: () => {
          keepDemonstrationAccount(choice.value);
          go(button, { id: "demonstration", address: choice.value });
        },
      },
      t("demonstration_wallet"),
    );
    content.append(
      h("div", { class: "demonstration stack" }, button, h("label", { for: "demonstration-account" }, t("demonstration_account"), choice), h("p", { class: "note" }, t("demonstration_note"))),
    );
  }
  content.append(line);
  const dialog = openDialog({ title: t("connect"), content });
}

function account() {
  const button = $("#account");
  onSession((now) => {
    document.body.classList.toggle("signed-in", Boolean(now));
    button.replaceChildren(now ? h("span", { class: "who" }, address(now.address)) : t("connect"));
    button.className = now ? "account" : "account primary";
    if (!now) put("#header-balance", "");
    readHome();
  });
  button.addEventListener("click", () => {
    const now = session();
    if (!now) return openSignIn();
    const dialog = openDialog({
      title: t("your_account"),
      content: h(
        "div",
        { class: "stack" },
        h("p", { class: "mono break" }, now.address),
        h("p", { class: "note" }, t("signed_in_until", { time: time(now.expired_at) })),
        h(
          "div",
          { class: "actions" },
          h("a", { class: "button", href: "/wallet" }, t("to_wallet")),
          h(
            "button",
            {
              type: "button",
              onclick: async () => {
                await signOut().catch(() => {});
                dialog.close();
              },
            },
            t("sign_out"),
          ),
        ),
      ),
    });
  });
  for (const link of $$("[data-connect]")) link.addEventListener("click", openSignIn);
  socket.subscribe("balance", (data) => put("#header-balance", `${roughly(data.available)} USDT`));
}

function state() {
  const badge = $("#state");
  let away = 0;
  socket.onState((now) => {
    badge.dataset.state = now;
    clearTimeout(away);
    // A moment's change of socket is nobody's concern.
    if (now === "live") put($("span", badge), t("state_live"));
    else away = setTimeout(() => put($("span", badge), t(now === "away" ? "state_away" : "state_connecting")), now === "away" ? 700 : 0);
    document.body.classList.toggle("away", now === "away");
  });
}

/** Marks `element` as old where no news of it came for 5 seconds: `fresh()` says that some came. */
export function watchAge(element) {
  let last = Date.now();
  let old = false;
  setInterval(() => {
    const seconds = Math.floor((Date.now() - last) / 1000);
    if (seconds < 5 && !old) return;
    old = seconds >= 5;
    element.hidden = !old;
    document.body.classList.toggle("old-data", old);
    if (old) put($("[data-age]", element), t("seconds", { seconds }));
  }, 1000);
  return () => (last = Date.now());
}

/** Runs `act` while the button that asked for it waits; says what went wrong. */
export async function busy(button, act) {
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  try {
    return await act();
  } catch (error) {
    if (error.reason !== "popup") toast(error.message, "bad");
    return undefined;
  } finally {
    button.disabled = false;
    button.removeAttribute("aria-busy");
  }
}

/** A form that calls `act` with its fields where somebody is signed in; else the sign-in opens. */
export function onSubmit(form, act) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!session()) return openSignIn();
    return busy($("[type=submit]", form), () => act(Object.fromEntries(new FormData(form))));
  });
}

window.addEventListener("soke:banned", readHome);
themes();
state();
account();
socket.start();
prolong().catch(() => {});
$("#language").addEventListener("change", (event) => event.target.form.requestSubmit());
