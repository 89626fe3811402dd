// What the theme leaves out for who does not see the page: its main part, and names of fields that have none.
(() => {
  function call(element, text) {
    if (text && !element.getAttribute("aria-label") && !element.getAttribute("aria-labelledby")) {
      element.setAttribute("aria-label", text.trim().replace(/\s*\*$/, ""));
    }
  }

  function labelOf(field) {
    const label = field.id ? document.querySelector(`label[for="${field.id}"]`) : null;
    if (label?.textContent.trim()) return label.textContent;
    const cell = field.closest("td");
    const head = cell?.closest("table")?.querySelector("thead tr");
    return head?.children[cell.cellIndex]?.textContent;
  }

  function complete() {
    const main = document.getElementById("main") ?? document.querySelector("#page > div, body > div");
    if (!document.querySelector("main, [role=main]")) main?.setAttribute("role", "main");
    for (const select of document.querySelectorAll("select")) {
      const box = select.parentElement.querySelector(".select2-container");
      for (const part of box?.querySelectorAll("[role=combobox], [role=textbox], input, textarea, ul") ?? []) {
        part.removeAttribute("aria-labelledby");
        call(part, labelOf(select));
      }
    }
    for (const field of document.querySelectorAll("td input:not([type=hidden]), td select, td textarea")) {
      if (!field.labels?.length || ![...field.labels].some((label) => label.checkVisibility())) call(field, labelOf(field));
    }
    for (const [number, bar] of document.querySelectorAll(".simplebar-content-wrapper").entries()) {
      bar.setAttribute("aria-label", `${document.title.trim()} ${number + 1}`);
    }
    for (const icon of document.querySelectorAll("span.search-label-icon[aria-label]")) icon.setAttribute("role", "img");
    for (const head of document.querySelectorAll("th")) {
      if (!head.textContent.trim() && !head.children.length) head.setAttribute("role", "presentation");
    }
  }

  // Select boxes and scroll bars are built after the page; rows are added later.
  window.addEventListener("load", () => {
    complete();
    for (const wait of [100, 400, 1000]) setTimeout(complete, wait);
  });
  document.addEventListener("formset:added", () => setTimeout(complete, 50));
})();
