// The order form and its quote, which comes from the code that will execute the order.

import { get, post } from "./api.js";
import { openSignIn } from "./app.js";
import { $, $$, because, h, later, put, t } from "./dom.js";
import { money, price, volume } from "./format.js";
import { toast } from "./popup.js";
import { onSession, session } from "./session.js";
import { subscribe } from "./socket.js";

const QUOTE_EVERY = 2000;
const isVolume = (number) => Number.isSafeInteger(number) && number > 0;

export class Ticket {
  constructor(form, index) {
    this.form = form;
    this.index = index;
    this.most = null;
    this.asked = 0;
    this.placed = new Map();
    this.waiting = [];
    const soon = later(() => this.quote(), 250);
    form.addEventListener("input", ({ target }) => {
      // A price to begin with, once; what is being typed is the client's own.
      if (target.name === "price_type" && target.value === "limit" && !form.price.value && this.last)
        form.price.value = Number(this.last).toFixed(Math.min(2, index.decimals));
      this.label();
      soon();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!session()) openSignIn();
      else this.place();
    });
    for (const button of $$("[data-part]", form))
      button.addEventListener("click", () => {
        if (this.most === null) return;
        form.volume.value = Math.max(1, Math.floor((this.most * Number(button.dataset.part)) / 100));
        this.label();
        this.quote();
      });
    subscribe("orders", (rows) => this.follow(rows));
    subscribe("balance", (data) => {
      put("#available", `${money(data.available)} USDT`);
      $("#fund-me").hidden = Number(data.available) >= 1;
      this.quote();
    });
    onSession((now) => {
      $("#sign-in-hint", form).hidden = Boolean(now);
      if (!now) {
        put("#available", "–");
        $("#fund-me").hidden = true;
      }
      this.label();
      this.quote();
    });
    setInterval(() => this.placed.size && this.follow(this.waiting), 1000);
    setInterval(() => document.visibilityState === "visible" && !$("dialog[open]") && this.quote(), QUOTE_EVERY);
  }

  body() {
    const { direction, price_type: type, volume: number, price: limit } = Object.fromEntries(new FormData(this.form));
    return { id: this.index.id, direction, price_type: type, volume: Number(number), ...(type === "limit" ? { price: limit } : {}) };
  }

  label() {
    const { direction, price_type: type, volume: number } = this.body();
    $("#limit-price").hidden = type !== "limit";
    this.form.price.required = type === "limit";
    const button = $("[type=submit]", this.form);
    button.dataset.direction = direction;
    put(button, session() ? t(direction === "buy" ? "buy_volume" : "sell_volume", { volume: isVolume(number) ? volume(number) : "–" }) : t("connect_to_trade"));
  }

  async quote() {
    const body = this.body();
    const line = $("#quote-problem");
    if (!session() || !isVolume(body.volume) || (body.price_type === "limit" && !(Number(body.price) > 0))) return this.empty();
    const mine = (this.asked += 1);
    try {
      const { data } = await post("contract/order/quote", body);
      if (mine !== this.asked) return;
      this.most = data.max_volume;
      put("#quote-price", price(data.price, this.index.decimals));
      put("#quote-margin", `${money(data.margin)} USDT`);
      put("#quote-fee", `${money(data.fee)} USDT`);
      put("#quote-liquidation", Number(data.liquidation_price) ? price(data.liquidation_price, this.index.decimals) : t("none"));
      put("#quote-most", volume(data.max_volume));
      const beyond = data.max_volume && body.volume > data.max_volume;
      put(line, beyond ? t("beyond_most", { volume: volume(data.max_volume) }) : data.message || "");
    } catch (error) {
      if (mine !== this.asked) return;
      this.empty();
      put(line, error.message);
    }
  }

  empty() {
    this.asked += 1;
    for (const name of ["price", "margin", "fee", "liquidation", "most"]) put(`#quote-${name}`, "–");
    put("#quote-problem", "");
  }

  async place() {
    const button = $("[type=submit]", this.form);
    button.disabled = true;
    const body = this.body();
    try {
      const { data } = await post("contract/order/create", body);
      this.placed.set(data.id, body);
      toast(t(body.price_type === "market" ? "order_accepted" : "order_waits"));
    } catch (error) {
      if (error.reason !== "popup") toast(error.message, "bad");
    } finally {
      button.disabled = false;
      this.quote();
    }
  }

  /** Says what became of an order placed here once it waits no more; its answer may come after the news of it. */
  follow(waiting) {
    this.waiting = waiting;
    const still = new Set(waiting.map((row) => row.id));
    for (const id of this.placed.keys()) if (!still.has(id)) this.outcome(id);
  }

  async outcome(id) {
    const body = this.placed.get(id);
    this.placed.delete(id);
    try {
      for (const status of ["filled", "refused", "cancelled"]) {
        const { data } = await get("contract/orders", { status, per_page: 20 });
        const row = data.find((order) => order.id === id);
        if (!row) continue;
        if (status === "filled") toast(t("order_filled", { volume: volume(row.trade_volume) }), "good");
        else if (row.reason) toast(row.message || because(row.reason), "bad");
        return;
      }
    } catch {
      // Asked again with the next look.
    }
    this.placed.set(id, body);
  }
}
