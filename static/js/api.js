// The calls under /api/v1, their envelope, and what may come in an answer's place.

import { language, randomWord, t } from "./dom.js";
import { showPopup } from "./popup.js";
import { end, session } from "./session.js";

const DEVICE = (() => {
  const kept = localStorage.getItem("soke.device") || randomWord();
  localStorage.setItem("soke.device", kept);
  return kept;
})();

/** A call that came to nothing: `message` is for people, `reason` for programs, `errors` by field. */
export class Failure extends Error {
  constructor(message, reason, errors = {}) {
    super(message);
    this.reason = reason;
    this.errors = errors;
  }
}

async function send(path, options) {
  const token = session()?.token;
  const headers = {
    "Accept-Language": language,
    "X-App-Platform": "web",
    "X-Device-Id": DEVICE,
    ...options.headers,
    ...(token ? { Authorization: `Bearer ${token}` } : {}),
  };
  const response = await fetch(`/api/v1/${path}`, { ...options, headers, signal: AbortSignal.timeout(15_000) });
  return [response, token];
}

async function call(path, options, again = true) {
  let response, token;
  try {
    [response, token] = await send(path, options);
    // A repeat with the same Idempotency-Key does nothing twice.
    if (response.status === 502 || response.status === 503) throw new Error("away");
  } catch {
    if (!again) throw new Failure(t("network"), "network");
    await new Promise((resolve) => setTimeout(resolve, 800));
    return call(path, options, false);
  }
  if (response.headers.get("Content-Type")?.startsWith("text/csv")) return { data: await response.blob() };
  let body;
  try {
    body = await response.json();
  } catch {
    throw new Failure(t("network"), "network");
  }
  if (body.code === 200) return body;
  if (body.code === 666) {
    await showPopup(body.data);
    if (body.data.is_cancel && options.method === "GET" && again) return call(path, options, false);
    throw new Failure(body.data.title, "popup");
  }
  if (body.code === 401 && token && session()?.token === token) end();
  const first = Object.values(body.errors || {}).flat()[0];
  throw new Failure(first || body.message, body.reason, body.errors);
}

/** GET; the envelope: `data`, `page`. */
export function get(path, query = {}) {
  const words = new URLSearchParams(query).toString();
  return call(words ? `${path}?${words}` : path, { method: "GET" });
}

/** POST of JSON under a key of its own, so that a repeat after a lost answer does nothing twice. */
export function post(path, body = {}) {
  const headers = { "Content-Type": "application/json", "Idempotency-Key": randomWord() };
  return call(path, { method: "POST", headers, body: JSON.stringify(body) });
}
