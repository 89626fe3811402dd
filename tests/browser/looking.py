"""How a page is looked at: does it overflow, is anything cut off, is anything left in English, what does axe say."""

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"

_OVERFLOWING = """() => {
  const width = document.documentElement.clientWidth, whole = document.documentElement.scrollWidth;
  const scrolls = (e) => {
    for (; e; e = e.parentElement) if (/auto|scroll/.test(getComputedStyle(e).overflowX)) return true;
    return false;
  };
  const found = whole > width ? [`page ${whole} > ${width}`] : [];
  for (const e of document.querySelectorAll("#main *, form *")) {
    const box = e.getBoundingClientRect(), style = getComputedStyle(e);
    if (box.width < 2 || box.height < 2 || e.closest("svg, [aria-hidden=true]") || !e.checkVisibility()) continue;
    if (style.position !== "fixed" && !scrolls(e.parentElement) && (box.right > width + 1 || box.left < -1))
      found.push(`${e.tagName}.${e.className} ends at ${box.right}`);
    const text = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    const cut = style.overflowX === "hidden" && style.textOverflow !== "ellipsis" && e.scrollWidth > e.clientWidth + 1;
    if (text && cut) found.push(`${e.tagName} cuts ${e.textContent.trim().slice(0, 40)}`);
  }
  return [...new Set(found)].slice(0, 10);
}"""
_WORDS = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (/SCRIPT|STYLE|TEMPLATE|NOSCRIPT/.test(parent.tagName) || parent.closest(".material-symbols-outlined")) continue;
    if (!parent.checkVisibility()) continue;
    const text = node.textContent.trim();
    if (text) found.push(text);
  }
  for (const e of document.querySelectorAll("[placeholder], [title], [aria-label], input[type=submit]"))
    if (e.checkVisibility()) found.push(e.placeholder || e.title || e.getAttribute("aria-label") || e.value || "");
  return found;
}"""
# Names and machine words stand in any language.
_SENTENCE = re.compile(r"\b[A-Za-z]{2,}(?:[ ,]+[A-Za-z]{2,}){2,}")


def overflowing(page: Page) -> list[str]:
    """What does not fit into the window or is cut off."""
    found: list[str] = page.evaluate(_OVERFLOWING)
    return found


def untranslated(page: Page, allowed: tuple[str, ...] = ()) -> list[str]:
    """Visible texts with three Latin words in a row, but for those that the test itself has written."""
    texts: list[str] = page.evaluate(_WORDS)
    return [text for text in texts if _SENTENCE.search(text) and not any(word in text for word in allowed)]


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong: rule, and the first element."""
    page.add_script_tag(path=str(AXE))
    found: dict[str, Any] = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{rule['id']}: {node['html'][:160]} — {node['failureSummary'].splitlines()[-1].strip()[:160]}"
        for rule in found["violations"]
        for node in rule["nodes"][:4]
    ]
