// Figures as people read them. Money is text all the way: nothing here goes through binary fractions but ratios.

const grouped = (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ",");

function plain(text, least, most) {
  const [, sign, whole, fraction = ""] = /^(-?)(\d+)(?:\.(\d*))?$/.exec(String(text)) || [];
  if (whole === undefined) return "–";
  const kept = fraction.slice(0, most).replace(/0+$/, "").padEnd(least, "0");
  const shown = grouped(whole) + (kept ? `.${kept}` : "");
  return (sign && /[1-9]/.test(shown) ? "−" : "") + shown;
}

/** "1234.500000" → "1,234.50": all decimals that say something, two at least. */
export const money = (text) => plain(text, 2, 6);
/** The same cut to two decimals, for large figures. */
export const roughly = (text) => plain(text, 2, 2);
/** A price of an index with `decimals`; "–" where there is none. */
export const price = (text, decimals = 4) => (text === null ? "–" : plain(text, Math.min(decimals, 2), 4));
export const volume = (number) => grouped(String(number));
export const address = (text) => `${text.slice(0, 6)}…${text.slice(-4)}`;

/** "-0.1127" → "−11.27%", a plus for gains. */
export function percent(text, { sign = true } = {}) {
  const value = Number(text) * 100;
  const shown = `${Math.abs(value).toFixed(2)}%`;
  if (!sign) return (value < 0 ? "−" : "") + shown;
  return (value > 0 ? "+" : value < 0 ? "−" : "") + shown;
}

export const signed = (text) => (String(text).startsWith("-") || Number(text) === 0 ? "" : "+") + money(text);
/** "up", "down" or "flat": colour, and for those who do not see it an arrow. */
export const trend = (text) => (Number(text) > 0 ? "up" : Number(text) < 0 ? "down" : "flat");
export const arrow = (text) => ({ up: "▲", down: "▼", flat: "" })[trend(text)];

const clock = { timeZone: "Asia/Shanghai", hour12: false };
/** Unix seconds as the API writes times: YYYY-MM-DD HH:MM:SS in Asia/Shanghai. */
export const time = (seconds) => new Date(seconds * 1000).toLocaleString("sv-SE", clock);
/** "2026-11-25 12:00:00" cut to what a narrow list has room for. */
export const shortTime = (text) => text.slice(5, 16);

/** The units of the token (6 decimals) in an amount's text. */
export function units(text) {
  const [whole, fraction = ""] = text.split(".");
  return BigInt(whole + fraction.padEnd(6, "0").slice(0, 6));
}

/** And back: the amount as people read it. */
export function inTokens(amount) {
  const digits = amount.toString().padStart(7, "0");
  return money(`${digits.slice(0, -6)}.${digits.slice(-6)}`);
}
