// Tabs by the keyboard as by the mouse (WAI-ARIA): arrows move, one panel is shown.

import { $, $$ } from "./dom.js";

/** `shown(name)` is called whenever a panel comes to the front. */
export function tabs(root, shown = () => {}) {
  const buttons = $$("[role=tab]", root);
  function select(button, focus = false) {
    for (const other of buttons) {
      const here = other === button;
      other.setAttribute("aria-selected", String(here));
      other.tabIndex = here ? 0 : -1;
      $(`#${other.getAttribute("aria-controls")}`).hidden = !here;
    }
    if (focus) button.focus();
    shown(button.dataset.tab);
  }
  buttons.forEach((button, index) => {
    button.addEventListener("click", () => select(button));
    button.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) select(buttons.at((index + step) % buttons.length), true);
      else if (event.key === "Home") select(buttons[0], true);
      else if (event.key === "End") select(buttons.at(-1), true);
      else return;
      event.preventDefault();
    });
  });
  return { select: (name) => select(buttons.find((button) => button.dataset.tab === name)) };
}
