"""A person before the pages: what it does with them, by what it sees."""

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from chain.development import CHAIN_ID
from chain.node import Node

AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
PATHS = ["/", "/trade/sokemain", "/wallet", "/statement", "/pool", "/funds", "/mining"]
# Blocks take their time: a payment needs two above its own.
BLOCKS = 30_000

# An injected wallet as extensions are: announced by EIP-6963, asked by EIP-1193. What it is asked, Python answers.
_INJECTED = """
const provider = {
  async request({ method, params }) {
    const answer = await window.sokeTestWallet(method, params || []);
    if (answer.error) throw Object.assign(new Error(answer.error.message), { code: answer.error.code });
    return answer.result;
  },
};
const detail = Object.freeze({ info: { uuid: "1", name: "Test Wallet", icon: "", rdns: "test.wallet" }, provider });
const announce = () => window.dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail }));
window.addEventListener("eip6963:requestProvider", announce);
announce();
"""

# What is cut off: text wider than its box where the box does not scroll. What only readers hear is none.
_CLIPPED = """() => [...document.querySelectorAll("body *")].filter((element) => {
  const style = getComputedStyle(element);
  if (element.closest(".hidden, .skip, svg, #chart, thead, [hidden]") || !element.clientWidth) return false;
  if (!["hidden", "clip"].includes(style.overflowX)) return false;
  return element.scrollWidth > element.clientWidth + 1 && element.textContent.trim();
}).map((element) => `${element.tagName}.${element.className}: ${element.textContent.trim().slice(0, 60)}`)"""

_BEYOND = """() => [...document.querySelectorAll("main *, header *, footer *")].filter((element) => {
  if (element.closest(".hidden, .skip, svg, #chart, thead, .tabs, .intervals, [hidden]")) return false;
  const box = element.getBoundingClientRect();
  return box.width && (box.right > innerWidth + 1 || box.left < -1);
}).map((element) => `${element.tagName}.${element.className}: ${element.textContent.trim().slice(0, 60)}`)"""

# What is read, without what operators wrote themselves.
_READ = """() => {
  const copy = document.body.cloneNode(true);
  for (const each of copy.querySelectorAll("script, noscript, [data-content], .mono, [lang]")) each.remove();
  const said = [...copy.querySelectorAll("[aria-label]")].map((each) => each.getAttribute("aria-label"));
  return [copy.textContent, ...said].join(" ");
}"""
# Names, units and links that are the same in Chinese.
_NAMES = re.compile(
    r"SOKE(-\w+)?|USDT|TradingView|Lightweight Charts|Copyright \(c\) 2025 TradingView, Inc|CSV|API|JavaScript"
    r"|Asia/Shanghai|UTC|EIP-\d+|DeFi|English"
)


class Visitor:
    """A browser context with one page, which must not write an error to its console nor load one."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.url = url
        self.problems: list[str] = []
        self.context: BrowserContext = browser.new_context(
            **{"locale": "en", "viewport": {"width": 1440, "height": 900}, **options}
        )
        self.page: Page = self.context.new_page()
        self.page.on("console", lambda said: self.problems.append(said.text) if said.type == "error" else None)
        self.page.on("response", lambda got: self.problems.append(got.url) if got.status >= 400 else None)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))

    def leave(self) -> None:
        self.context.close()
        assert not self.problems, self.problems

    def go(self, path: str) -> None:
        self.page.goto(self.url + path)
        expect(self.page.locator("#state")).to_have_attribute("data-state", "live")

    def button(self, name: str | re.Pattern[str]) -> Locator:
        return self.page.get_by_role("button", name=name)

    def says(self, text: str, timeout: float = 15_000) -> None:
        """A notice with this text comes up."""
        expect(self.page.locator(".toast", has_text=text).last).to_be_visible(timeout=timeout)

    def arrives(self, text: str) -> None:
        """The dialog of a payment shows its confirmations, says that it is booked, and goes away."""
        expect(self.page.get_by_text("Confirmations:").first).to_be_visible()
        self.says(text, BLOCKS)
        expect(self.page.get_by_role("dialog")).to_have_count(0)

    def sign_in_demonstration(self, address: str) -> None:
        self.button(re.compile("Connect wallet|Try it now")).first.click()
        self.page.get_by_label("Account of the development chain").select_option(address)
        self.button("Use the demonstration wallet").click()
        self.says("Signed in as")

    def inject_wallet(self, chain_url: str, address: str) -> list[str]:
        """An extension whose account is one of anvil's. Returns the methods it declines, to be filled."""
        node = Node(chain_url, CHAIN_ID)
        declined: list[str] = []

        def answer(method: str, params: list[Any]) -> dict[str, Any]:
            if method in declined:
                return {"error": {"code": 4001, "message": "User rejected the request."}}
            if method in ("eth_requestAccounts", "eth_accounts"):
                return {"result": [address.lower()]}
            return {"result": node.call(method, *params)}

        self.page.expose_function("sokeTestWallet", answer)
        self.page.add_init_script(_INJECTED)
        return declined

    def sign_in_injected(self) -> None:
        self.button("Connect wallet").first.click()
        self.button("Test Wallet").click()
        self.says("Signed in as")

    def accessibility(self) -> list[str]:
        """What axe-core finds wrong with the page as it is now."""
        self.page.evaluate(AXE.read_text())
        found = self.page.evaluate("() => axe.run({ resultTypes: ['violations'] })")
        return [
            f"{violation['id']}: {node['html'][:120]} {node.get('failureSummary', '')[:200]}"
            for violation in found["violations"]
            for node in violation["nodes"]
        ]

    def misfits(self) -> list[str]:
        """What does not fit on the page as wide as it is now."""
        wide: int = self.page.evaluate(
            "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        found = [f"scrolls sideways by {wide}"] if wide > 0 else []
        clipped: list[str] = self.page.evaluate(_CLIPPED)
        beyond: list[str] = self.page.evaluate(_BEYOND)
        return found + clipped + beyond

    def untranslated(self, english: bool) -> list[str]:
        """Words on the page that belong to the other language."""
        text: str = self.page.evaluate(_READ)
        if english:
            return re.findall(r"[\u4e00-\u9fff]+", text)
        return re.findall(r"[A-Za-z]{2,}(?: [A-Za-z]{2,})*", re.sub(r"0x\w+(…\w+)?", "", _NAMES.sub("", text)))
