// Elements, the page's words, and what the server says about itself.

const read = (id) => JSON.parse(document.getElementById(id).textContent);
const texts = read("texts");
const reasons = read("reasons");
export const config = read("config");
export const language = document.documentElement.lang;

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

/** The sentence called `key` in the page's language, with its %(name)s filled in. */
export function t(key, values = {}) {
  if (!(key in texts)) throw new Error(`no text ${key}`);
  return texts[key].replace(/%\((\w+)\)s/g, (_, name) => values[name]);
}

/** The word for a value that the API may name: `word("status", "filled")`; the value itself where there is none. */
export const word = (kind, value) => texts[`${kind}_${value}`] ?? String(value || "–");

/** What a reason of the API means, for people; nothing for none. */
export const because = (reason) => (reason ? reasons[reason] || reason : "");

/** An element. `on…` are listeners, `class`, `data-…` and the like attributes; children are elements or text. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Sets text only where it differs, so that nothing flickers and no reader repeats itself. */
export function put(target, text) {
  const element = typeof target === "string" ? $(target) : target;
  if (element && element.textContent !== text) element.textContent = text;
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** A random word for keys and device ids; also where the page is not in a secure context. */
export const randomWord = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** `run` once, `milliseconds` after the last call. */
export function later(run, milliseconds) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(run, milliseconds);
  };
}
