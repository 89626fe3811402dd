// Lists: a table on a wide screen, cards on a narrow one, pages where there are several.

import { get, post } from "./api.js";
import { h, t } from "./dom.js";
import { onSession, session } from "./session.js";

/** A table's element from `columns` [{title, cell(row), kind}] and rows. Roles are said, since cards undo a table's. */
export function table(label, columns, rows, rowClass = () => "") {
  const head = h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, columns.map((column) => h("th", { role: "columnheader", scope: "col", class: column.kind }, column.title))));
  const body = h(
    "tbody",
    { role: "rowgroup" },
    rows.map((row) =>
      h(
        "tr",
        { role: "row", class: rowClass(row) },
        columns.map((column) => h("td", { role: "cell", class: column.kind, "data-label": column.title }, h("span", { class: "value" }, column.cell(row)))),
      ),
    ),
  );
  return h("table", { role: "table", "aria-label": label }, head, body);
}

export const emptyNote = (text) => h("p", { class: "empty" }, text);

/** A paged list of a call in `root`; `reload()` reads it again. `query()` adds to the request. */
export function list(root, { path, label, columns, empty, method = "GET", query = () => ({}), rows = (data) => data, open = false }) {
  let page = 1;
  let asked = 0;
  async function reload() {
    if (!open && !session()) {
      root.replaceChildren(emptyNote(t("sign_in_to_see")));
      return;
    }
    const mine = (asked += 1);
    try {
      const words = { ...query(), page };
      const body = method === "GET" ? await get(path, words) : await post(`${path}?${new URLSearchParams(words)}`);
      if (mine !== asked) return;
      const pages = body.page?.total_pages || 1;
      const found = rows(body.data);
      root.replaceChildren(found.length ? table(label, columns, found) : emptyNote(empty));
      if (pages > 1) root.append(pager(pages));
    } catch (error) {
      if (mine === asked) root.replaceChildren(emptyNote(error.message));
    }
  }
  function pager(pages) {
    const to = (next) => () => {
      page = next;
      reload();
    };
    return h(
      "nav",
      { class: "pager", "aria-label": label },
      h("button", { type: "button", class: "small", disabled: page <= 1, onclick: to(page - 1) }, t("newer")),
      h("span", {}, t("page_of", { page, pages })),
      h("button", { type: "button", class: "small", disabled: page >= pages, onclick: to(page + 1) }, t("older")),
    );
  }
  onSession(reload);
  return { reload };
}
