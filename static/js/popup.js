// Dialogs: the operators' popups as the app shows them, and questions of the pages.

import { $, h, icon, t } from "./dom.js";

let shown = null;

// The second click of a double click falls on whatever a closed dialog has uncovered: a button that pays, perhaps. What
// acts is pressed once, after a dialog no button for half a second but by a click of its own, and a held Enter once.
const ACTS = "button[type=submit], button.primary, button.danger, button[data-act]";
const QUIET = 500;
let closed = -QUIET;
function swallow(event) {
  event.preventDefault();
  event.stopImmediatePropagation();
}
document.addEventListener(
  "click",
  (event) => {
    const pressed = performance.now() - closed < QUIET ? "button, a" : ACTS;
    if (event.detail > 1 && event.target.closest?.(pressed)) swallow(event);
  },
  { capture: true },
);
document.addEventListener("keydown", (event) => event.key === "Enter" && event.repeat && swallow(event), { capture: true });

/** Opens a modal dialog with a title and returns it; `onclose` runs when it has gone. */
export function openDialog({ title, content, cancellable = true, wide = false, onclose = () => {} }) {
  const dialog = h(
    "dialog",
    { class: wide ? "dialog wide" : "dialog", "aria-labelledby": "dialog-title" },
    h(
      "div",
      { class: "dialog-head" },
      h("h2", { id: "dialog-title" }, title),
      cancellable &&
        h("button", { type: "button", class: "quiet square", "aria-label": t("close_dialog"), onclick: () => dialog.close() }, icon("x")),
    ),
    content,
  );
  dialog.addEventListener("cancel", (event) => {
    if (!cancellable) event.preventDefault();
  });
  // Chromium closes at the second Escape whatever `cancel` says.
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !cancellable) event.preventDefault();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog && cancellable) dialog.close();
  });
  dialog.addEventListener("close", () => {
    closed = performance.now();
    dialog.remove();
    onclose();
  });
  $("body").append(dialog);
  dialog.showModal();
  return dialog;
}

/** A question with one button that does it; resolves to whether it was pressed. */
export function confirmed({ title, text, action, danger = false }) {
  return new Promise((resolve) => {
    let answer = false;
    const yes = h(
      "button",
      {
        type: "button",
        class: danger ? "danger" : "primary",
        onclick: () => {
          answer = true;
          dialog.close();
        },
      },
      action,
    );
    const dialog = openDialog({
      title,
      content: h("div", { class: "stack" }, h("p", {}, text), h("div", { class: "actions" }, yes)),
      onclose: () => resolve(answer),
    });
  });
}

const SAFE = /^https:\/\/|^(itms-apps|itms-services|market):/i;

/** The popup of an answer 666. One that cannot be cancelled stays. Resolves when it is closed. */
export function showPopup({ title, content, is_cancel, buttons }) {
  if (shown) return shown;
  shown = new Promise((resolve) => {
    const links = buttons
      .filter((button) => button.type === "url" && SAFE.test(button.value))
      .map((button) => h("a", { class: "button primary", href: button.value, rel: "noopener noreferrer", target: "_blank" }, button.name));
    const dialog = openDialog({
      title,
      cancellable: is_cancel,
      content: h(
        "div",
        { class: "stack" },
        h("p", { class: "popup-text" }, content),
        h("div", { class: "actions" }, links, is_cancel && h("button", { type: "button", onclick: () => dialog.close() }, t("later"))),
      ),
      onclose: () => {
        shown = null;
        resolve();
      },
    });
    dialog.classList.add("popup");
  });
  return shown;
}

/** A sentence in the corner that goes away by itself. */
export function toast(text, kind = "info", link = null) {
  const note = h("div", { class: `toast ${kind}` }, h("span", {}, text), link && h("a", { href: link.href }, link.text));
  note.append(
    h("button", { type: "button", class: "quiet square", "aria-label": t("close_dialog"), onclick: () => note.remove() }, icon("x")),
  );
  $(kind === "bad" ? "#alerts" : "#toasts").append(note);
  setTimeout(() => note.remove(), kind === "bad" ? 9000 : 6000);
}
