"""The trading pages against the whole platform, running: a visitor with either kind of wallet, from sign-in on."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Locator, expect

from chain.development import CHAIN_ID, token_address, wallet
from chain.node import Node
from indexes.rules import INTERVALS
from tests.browser.visitor import BLOCKS, PATHS, Visitor
from tests.e2e.running import Platform, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
def visitor(browser: Browser, platform: Platform) -> Iterator[Callable[..., Visitor]]:
    """Makes visitors; each must leave without an error."""
    made: list[Visitor] = []

    def make(**options: object) -> Visitor:
        made.append(Visitor(browser, platform.stack.url, **options))
        return made[-1]

    yield make
    for each in made:
        each.leave()


def held(platform: Platform, address: str) -> Decimal:
    return Node(platform.chain_url, CHAIN_ID).balance_of(token_address(), address)


def deposit(visitor: Visitor, amount: str) -> None:
    visitor.go("/wallet")
    visitor.page.locator("#deposit").get_by_label("Amount (USDT)").fill(amount)
    visitor.page.locator("#deposit").get_by_role("button", name="Pay from wallet").click()
    visitor.arrives("have arrived on your index account")


def order(visitor: Visitor, volume: int, *, direction: str = "Long", limit: str | None = None) -> None:
    page = visitor.page
    page.get_by_role("radio", name=direction).check()
    page.get_by_role("radio", name="Limit" if limit else "Market").check()
    if limit:
        page.get_by_label("Limit price").fill(limit)
    page.get_by_label("Volume (contracts)").fill(str(volume))
    expect(page.locator("#quote-margin")).to_contain_text("USDT")
    visitor.button(f"{direction} {volume} contracts").click()


def test_a_visitor_trades_within_a_minute_without_a_wallet(platform: Platform, visitor: Callable[..., Visitor]) -> None:
    someone = visitor()
    page = someone.page
    someone.go("/")
    expect(page.locator("[data-code=sokemain] .last")).to_have_text(re.compile(r"\d,\d{3}\.\d"))
    expect(page.locator("[data-code=sokemain] .spark .line")).to_be_attached(timeout=30_000)
    expect(page.get_by_text("Simulated prices")).to_be_visible()
    before = held(platform, wallet(3).address)
    someone.sign_in_demonstration(wallet(3).address)
    page.get_by_role("link", name="SOKE-MAIN").click()
    someone.button("Deposit 1,000 USDT").click()
    someone.arrives("1,000.00 USDT have arrived")
    assert held(platform, wallet(3).address) == before - 1000

    order(someone, 200)
    someone.says("Filled: 200 contracts")
    position = page.locator("#positions tbody tr")
    expect(position).to_have_count(1)
    shown = position.locator(".profit").inner_text()
    expect(position.locator(".profit")).not_to_have_text(shown)  # live
    expect(page.locator("#header-balance")).to_contain_text("USDT")

    someone.button("Protect").click()
    page.get_by_role("textbox", name="Take-profit price").fill("9000")
    page.get_by_role("textbox", name="Stop-loss price").fill("10")
    someone.button("Save").click()
    expect(position).to_contain_text("9,000.00 / 10.00")

    order(someone, 5, direction="Short", limit="8000")
    page.get_by_role("tab", name="Orders").click()
    waiting = page.locator("#orders tbody tr")
    expect(waiting).to_contain_text("8,000.00")
    waiting.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("No order waits.")).to_be_visible()

    page.get_by_role("tab", name="Positions").click()
    someone.button("Close").click()
    page.get_by_label("Contracts to close").fill("50")
    page.get_by_role("dialog").get_by_role("button", name="Close position").click()
    expect(position).to_contain_text("150")
    someone.button("Close").click()
    page.get_by_role("dialog").get_by_role("button", name="Close position").click()
    expect(page.get_by_text("No open positions")).to_be_visible(timeout=15_000)

    page.get_by_role("tab", name="Closed").click()
    expect(page.locator("#history tbody tr").first).to_contain_text("Closed by you")
    page.get_by_role("tab", name="Fills").click()
    expect(page.locator("#fills tbody tr")).to_have_count(3)
    page.get_by_role("tab", name="Order history").click()
    expect(page.locator("#ended tbody tr")).to_have_count(3)
    page.get_by_label("Status").select_option("cancelled")
    expect(page.locator("#ended tbody tr")).to_have_count(1)


def test_an_injected_wallet_does_the_same(platform: Platform, visitor: Callable[..., Visitor]) -> None:
    someone = visitor()
    page = someone.page
    declined = someone.inject_wallet(platform.chain_url, wallet(4).address)
    declined.append("personal_sign")
    someone.go("/trade/sokemain")
    someone.button("Connect wallet to trade").click()
    someone.button("Test Wallet").click()
    expect(page.get_by_text("You declined it in your wallet.")).to_be_visible()
    declined.clear()
    someone.button("Test Wallet").click()
    someone.says("Signed in as")

    declined.append("eth_sendTransaction")
    someone.button("Deposit 1,000 USDT").click()
    expect(page.locator("dialog").get_by_text("You declined it in your wallet.")).to_be_visible()
    page.keyboard.press("Escape")
    declined.clear()
    # What was prepared and not paid can be paid later.
    someone.go("/wallet")
    someone.button("Pay now").click()
    someone.arrives("1,000.00 USDT have arrived")

    someone.go("/trade/sokechain")
    order(someone, 100, direction="Short")
    someone.says("Filled: 100 contracts")
    someone.button("Close").click()
    page.get_by_role("dialog").get_by_role("button", name="Close position").click()
    expect(page.get_by_text("No open positions")).to_be_visible(timeout=15_000)

    page.locator("#account").click()
    someone.button("Sign out").click()
    expect(someone.button("Connect wallet").first).to_be_visible()
    expect(page.get_by_text("Connect your wallet to see this.").first).to_be_visible()


def test_money_is_pledged_and_withdrawn_and_every_movement_is_told(
    platform: Platform, visitor: Callable[..., Visitor]
) -> None:
    someone = visitor()
    page = someone.page
    someone.go("/pool")
    expect(page.locator("#pool-equity")).to_contain_text("1,000,0")
    someone.sign_in_demonstration(wallet(6).address)
    page.get_by_label("Amount (USDT)").fill("100")
    someone.button("Pay from wallet").click()
    someone.arrives("100.00 USDT are pledged")
    expect(page.locator("#market_pledge")).to_have_text("100.00")
    expect(page.locator("#pledges tbody tr")).to_contain_text("In the pool")
    page.get_by_role("button", name="Leave the pool").click()
    page.get_by_role("dialog").get_by_role("button", name="Leave the pool").click()
    expect(page.locator("#pledges tbody tr")).to_contain_text("Leaving")

    deposit(someone, "80.5")
    before = held(platform, wallet(6).address)
    page.locator("#withdraw").get_by_label("Amount (USDT)").fill("5")
    someone.button("Withdraw to own wallet").click()
    expect(page.locator("#alerts .toast")).to_be_visible()  # below the least
    page.locator("#withdraw").get_by_label("Amount (USDT)").fill("50")
    someone.button("Withdraw to own wallet").click()
    someone.says("Withdrawal accepted")
    expect(page.locator("#withdrawals tbody tr").first).to_contain_text("Arrived", timeout=BLOCKS)
    assert before < held(platform, wallet(6).address) <= before + 50
    expect(page.locator("#balance-available")).to_have_text("30.50")

    page.get_by_role("link", name="Statement").click()
    movements = page.locator("#statement tbody tr")
    expect(movements.last).to_contain_text(re.compile("pledge", re.IGNORECASE))
    expect(page.locator("#statement")).to_contain_text("+80.50")
    with page.expect_download() as download:
        someone.button("Download CSV").click()
    assert "80.5" in download.value.path().read_text()
    # A request that was refused is 400, which the browser notes.
    someone.problems[:] = [each for each in someone.problems if "index/withdraw" not in each and "400" not in each]


def test_a_fund_is_bought_and_gives_power_to_mine(platform: Platform, visitor: Callable[..., Visitor]) -> None:
    someone = visitor()
    page = someone.page
    someone.go("/mining")
    someone.sign_in_demonstration(wallet(7).address)
    someone.button("Start mining").click()
    expect(page.locator("#alerts .toast")).to_be_visible()  # without power
    someone.go("/funds")
    fund = page.locator("#products form").first
    before = fund.locator(".left span").inner_text()
    fund.get_by_label("Units", exact=True).fill("2")
    fund.get_by_role("button", name="Buy and pay from wallet").click()
    someone.arrives("The fund is yours.")
    bought = page.locator("#bought tbody tr")
    expect(bought).to_contain_text("Confirmed")
    expect(fund.locator(".left span")).not_to_have_text(before)
    expect(page.locator("#fund-principal")).not_to_have_text("0.00")

    someone.go("/mining")
    expect(page.locator("#my-power")).not_to_have_text(re.compile(r"^(–|0\.00)$"))
    someone.button("Start mining").click()
    expect(page.locator("#mining-state")).to_have_text("Mining")
    platform.manage("settle", "power", "--date", datetime.now(ZoneInfo("Asia/Shanghai")).date().isoformat())
    someone.go("/mining")
    # Where the platform's own run for yesterday came only now, it has paid too.
    expect(page.locator("#power-rewards tbody tr")).not_to_have_count(0)
    someone.button("Stop").click()
    expect(page.locator("#mining-state")).to_have_text("Not mining")


def test_the_quote_says_what_an_order_would_take_and_why_not(visitor: Callable[..., Visitor]) -> None:
    someone = visitor()
    page = someone.page
    someone.go("/trade/sokemain")
    someone.sign_in_demonstration(wallet(5).address)
    page.get_by_label("Volume (contracts)").fill("1000000")
    expect(page.locator("#quote-problem")).not_to_be_empty()
    someone.button("Long 1,000,000 contracts").click()
    someone.says("more than the largest volume")


def test_a_limit_price_is_the_clients_own_once_it_is_there(visitor: Callable[..., Visitor]) -> None:
    someone = visitor()
    page = someone.page
    someone.go("/trade/sokemain")
    someone.sign_in_demonstration(wallet(5).address)
    page.get_by_role("radio", name="Limit").check()
    field = page.get_by_label("Limit price")
    expect(field).to_have_value(re.compile(r"^\d+\.\d\d$"))
    field.press("Control+a")
    field.press("Backspace")
    expect(field).to_have_value("")
    field.press_sequentially("2800")
    expect(field).to_have_value("2800")


def double_click(button: Locator) -> None:
    """As slow as hands are: what was asked for by the first click has its answer before the second."""
    button.scroll_into_view_if_needed()
    box, mouse = button.bounding_box(), button.page.mouse
    assert box
    mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    for count in (1, 2):
        mouse.down(click_count=count)
        mouse.up(click_count=count)
        button.page.wait_for_timeout(300)


def test_a_double_click_acts_once(platform: Platform, visitor: Callable[..., Visitor]) -> None:
    someone = visitor()
    page = someone.page
    someone.go("/wallet")
    someone.sign_in_demonstration(wallet(5).address)
    deposit(someone, "500")
    someone.go("/trade/sokemain")
    page.get_by_label("Volume (contracts)").fill("10")
    expect(page.locator("#quote-margin")).to_contain_text("USDT")
    double_click(someone.button("Long 10 contracts"))
    someone.says("Filled: 10 contracts")
    position = page.locator("#positions tbody tr")
    expect(position).to_have_count(1)
    placed = (
        "SELECT count(*) FROM contracts_order AS o JOIN accounts_client AS c ON c.id = o.client_id WHERE c.address = %s"
    )
    assert platform.rows(placed, wallet(5).address) == [(1,)]
    someone.button("Close").click()
    double_click(page.get_by_role("dialog").get_by_role("button", name="Close position"))
    expect(page.get_by_text("No open positions")).to_be_visible(timeout=15_000)
    # What lies under a dialog gets nothing of a double click on it.
    held_before = held(platform, wallet(5).address)
    someone.go("/pool")
    page.locator("#pledge").get_by_label("Amount (USDT)").fill("20")
    page.get_by_role("button", name="Pay from wallet").click()
    someone.arrives("20.00 USDT are pledged")
    page.get_by_role("button", name="Leave the pool").click()
    double_click(page.get_by_role("dialog").get_by_role("button", name="Leave the pool"))
    expect(page.locator("#pledges tbody tr")).to_contain_text("Leaving")
    expect(page.locator("#leave")).to_be_disabled()
    page.wait_for_timeout(1500)
    assert held(platform, wallet(5).address) == held_before - 20


def test_the_chart_follows_the_price_and_goes_back(visitor: Callable[..., Visitor]) -> None:
    someone = visitor()
    page = someone.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "kline" in request.url else None)
    someone.go("/trade/sokemain")
    legend = page.locator("#legend")
    expect(legend).to_contain_text("C ")
    before = legend.inner_text()
    expect(legend).not_to_have_text(before)
    for name in ("5 min", "15 min", "30 min", "1 h", "4 h", "1 day", "1 week", "1 month", "1 min"):
        interval = page.get_by_role("button", name=name, exact=True)
        interval.click()
        expect(interval).to_have_attribute("aria-pressed", "true")
        expect(legend).to_contain_text("C ")
    assert {url.split("interval=")[1].split("&")[0] for url in asked} == {
        "1min", "5min", "15min", "30min", "60min", "4hour", "1day", "1week", "1mon",
    }  # fmt: skip


def test_older_candles_come_as_the_chart_is_scrolled(platform: Platform, visitor: Callable[..., Visitor]) -> None:
    platform.rows(
        """
        INSERT INTO indexes_candle (index_id, "interval", start, open, high, low, close)
        SELECT first.index_id, first."interval", first.start - 60 * n, first.open, first.open, first.open, first.open
        FROM generate_series(1, 700) AS n, (
            SELECT c.* FROM indexes_candle AS c JOIN indexes_index AS i ON i.id = c.index_id
            WHERE i.code = 'sokedefi' AND c."interval" = %s ORDER BY c.start LIMIT 1
        ) AS first
        """,
        INTERVALS["1min"],
    )
    someone = visitor()
    page = someone.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "&to=" in request.url else None)
    someone.go("/trade/sokedefi")
    expect(page.locator("#legend")).to_contain_text("C ")
    assert not asked
    for times in (1, 2):
        box = page.locator("#chart").bounding_box()
        assert box
        for _ in range(30):
            if len(asked) >= times:
                break
            page.mouse.move(box["x"] + 20, box["y"] + 100)
            page.mouse.down()
            page.mouse.move(box["x"] + box["width"] - 100, box["y"] + 100, steps=4)
            page.mouse.up()
            page.wait_for_load_state("networkidle")
        assert len(asked) >= times
    assert len(set(asked)) == len(asked)


def test_an_order_by_the_keyboard_alone(visitor: Callable[..., Visitor]) -> None:
    someone = visitor(reduced_motion="reduce")
    page = someone.page
    someone.go("/trade/sokemain")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.locator("#account").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Account of the development chain").select_option(wallet(3).address)
    someone.button("Use the demonstration wallet").focus()
    page.keyboard.press("Enter")
    someone.says("Signed in as")
    page.get_by_role("radio", name="Long").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Short")).to_be_checked()
    page.get_by_label("Volume (contracts)").focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("20")
    page.keyboard.press("Enter")
    someone.says("Filled: 20 contracts")
    page.locator("[data-act=close]").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("button", name="Close position")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("No open positions")).to_be_visible(timeout=15_000)
    page.get_by_role("tab", name="Positions").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Orders")).to_be_focused()


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_every_page_is_accessible_fits_and_speaks_one_language(language: str, visitor: Callable[..., Visitor]) -> None:
    someone = visitor(locale=language)
    page = someone.page
    wrong: list[str] = []
    signed_in = False
    for path in [*PATHS, "sign in", *PATHS]:
        if path == "sign in":
            someone.go("/")
            page.locator("#account").click()
            wrong += [f"dialog: {each}" for each in someone.accessibility()]
            page.locator("#demonstration-account").select_option(wallet(3).address)
            page.locator(".wallet-choice.primary").click()
            expect(page.locator("#account .who")).to_be_visible()
            signed_in = True
            continue
        someone.go(path)
        page.wait_for_load_state("networkidle")
        for width, height in ((1440, 900), (390, 844)):
            page.set_viewport_size({"width": width, "height": height})
            where = f"{path} {width} {'in' if signed_in else 'out'}"
            wrong += [f"{where}: {each}" for each in someone.misfits()]
            for theme in ("light", "dark"):
                page.emulate_media(color_scheme=theme)
                wrong += [f"{where} {theme}: {each}" for each in someone.accessibility()]
        wrong += [f"{path}: {each}" for each in someone.untranslated(language == "en")]
    assert not wrong, "\n".join(dict.fromkeys(wrong))


def popup(platform: Platform, title: str, *, closable: bool) -> None:
    """What an operator would write in the back office."""
    button = {"name": "Read more", "type": "url", "value": "https://example.com/news"}
    fields = f"kind='notice', title={title!r}, content='About tonight.', is_cancel={closable}, buttons=[{button}]"
    platform.manage("shell", "-c", f"from popups.models import Popup; Popup.objects.create({fields}, enabled=True)")


def test_popups_are_shown_as_the_app_shows_them(platform: Platform, visitor: Callable[..., Visitor]) -> None:
    someone = visitor()
    page = someone.page
    popup(platform, "Good news", closable=True)
    try:
        someone.go("/")
        dialog = page.get_by_role("dialog", name="Good news")
        expect(dialog).to_contain_text("About tonight.")
        expect(dialog.get_by_role("link", name="Read more")).to_have_attribute("href", "https://example.com/news")
        assert not someone.accessibility()
        someone.button("Later").click()
        expect(dialog).to_have_count(0)
        expect(page.locator("#market-pool")).to_have_text(re.compile(r"\d"))
        someone.go("/")
        expect(page.locator("#market-pool")).to_have_text(re.compile(r"\d"))
        expect(dialog).to_have_count(0)

        popup(platform, "Please update", closable=False)
        someone.go("/pool")
        stays = page.get_by_role("dialog", name="Please update")
        expect(stays).to_be_visible()
        expect(stays.get_by_role("button")).to_have_count(0)
        for _ in range(3):
            page.keyboard.press("Escape")
        expect(stays).to_be_visible()
    finally:
        platform.rows("UPDATE popups_popup SET enabled = false")
    home = f"{platform.stack.url}/api/v1/index/index"
    wait_for("no popup stands in the way", lambda: page.request.get(home).json()["code"] == 200)
    someone.go("/pool")
    expect(page.locator("#pool-equity")).to_have_text(re.compile(r"\d"))


def test_a_banned_client_is_told_at_once(platform: Platform, visitor: Callable[..., Visitor]) -> None:
    someone = visitor()
    page = someone.page
    someone.go("/trade/sokemain")
    someone.sign_in_demonstration(wallet(9).address)
    expect(page.locator("#positions")).to_contain_text("No open positions")
    code = (
        "from accounts.bans import ban; from accounts.models import Client; "
        "from django.contrib.auth.models import User; "
        f"who = Client.objects.get(address={wallet(9).address!r}); "
        "ban(client_id=who.id, reason='test', operator=User.objects.first())"
    )
    platform.manage("shell", "-c", code)
    expect(page.get_by_role("dialog", name="Account banned")).to_be_visible(timeout=15_000)


def test_the_theme_that_was_chosen_stays(visitor: Callable[..., Visitor]) -> None:
    someone = visitor(color_scheme="light")
    page = someone.page
    someone.go("/")
    ground = "() => getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    someone.button("Light or dark").click()
    assert page.evaluate(ground) != light
    someone.go("/pool")
    assert page.evaluate(ground) != light
    someone.button("Light or dark").click()
    assert page.evaluate(ground) == light


def test_the_language_that_was_chosen_stays(visitor: Callable[..., Visitor]) -> None:
    someone = visitor()
    page = someone.page
    someone.go("/pool")
    page.get_by_label("Language").select_option("zh-hans")
    expect(page.get_by_role("heading", name="做市资金池")).to_be_visible()
    someone.go("/trade/sokemain")
    expect(page.locator("#ticket-title")).to_have_text("下单")


def test_the_first_page_is_small(visitor: Callable[..., Visitor]) -> None:
    someone = visitor()
    sizes: dict[str, int] = {}
    someone.page.on("response", lambda got: sizes.update({got.url: len(got.body())}))
    # Of the page of an index two thirds are the chart's library. All as it is served here, uncompressed.
    for path, most in (("/", 150_000), ("/trade/sokemain", 350_000)):
        sizes.clear()
        someone.go(path)
        someone.page.wait_for_load_state("networkidle")
        assert any(url.endswith("soke.css") for url in sizes)
        assert sum(sizes.values()) < most, (path, sizes)


def test_a_page_comes_back_by_itself_when_the_server_does(platform: Platform, visitor: Callable[..., Visitor]) -> None:
    someone = visitor()
    page = someone.page
    someone.go("/trade/sokemain")
    someone.sign_in_demonstration(wallet(3).address)
    expect(page.locator("#positions tbody, #positions .empty")).to_be_visible()
    platform.kill("web")
    expect(page.locator("#state")).to_have_attribute("data-state", "away")
    expect(page.get_by_text("Connection lost, reconnecting")).to_be_visible()
    expect(page.locator("#state")).to_have_attribute("data-state", "live", timeout=30_000)
    before = page.locator("#last").inner_text()
    expect(page.locator("#last")).not_to_have_text(before, timeout=15_000)
    order(someone, 10)
    someone.says("Filled: 10 contracts")
    someone.button("Close").click()
    page.get_by_role("dialog").get_by_role("button", name="Close position").click()
    expect(page.get_by_text("No open positions")).to_be_visible(timeout=15_000)
    # What the browser itself says of a server that is away is no error of the page.
    someone.problems[:] = [each for each in someone.problems if "ERR_CONNECTION" not in each and "/ws" not in each]


def test_a_network_that_is_gone_is_said_at_once(visitor: Callable[..., Visitor]) -> None:
    someone = visitor()
    someone.go("/trade/sokemain")
    someone.context.set_offline(True)
    expect(someone.page.locator("#state")).to_have_attribute("data-state", "away", timeout=3_000)
    someone.context.set_offline(False)
    expect(someone.page.locator("#state")).to_have_attribute("data-state", "live", timeout=15_000)
    before = someone.page.locator("#last").inner_text()
    expect(someone.page.locator("#last")).not_to_have_text(before, timeout=15_000)
    someone.problems[:] = [each for each in someone.problems if "ERR_INTERNET_DISCONNECTED" not in each]


def test_old_data_is_said_to_be_old(platform: Platform, visitor: Callable[..., Visitor]) -> None:
    someone = visitor()
    page = someone.page
    someone.go("/trade/sokemain")
    expect(page.locator("#last")).not_to_have_text("–")
    expect(page.locator("#old")).to_be_hidden()
    pid = platform.stack.pid("engine")
    assert pid
    os.kill(pid, signal.SIGSTOP)
    try:
        expect(page.locator("#old")).to_be_visible(timeout=20_000)
    finally:
        os.kill(pid, signal.SIGCONT)
    expect(page.locator("#old")).to_be_hidden(timeout=60_000)
