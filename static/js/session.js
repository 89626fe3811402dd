// Who is signed in, in this browser. Every tab of it knows.

const KEY = "soke.session";
const listeners = new Set();
let known = load();

function load() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY));
    return found && found.expired_at * 1000 > Date.now() ? found : null;
  } catch {
    return null;
  }
}

/** {token, expired_at, address, wallet}, or null. */
export const session = () => known;

export function begin(found) {
  known = found;
  localStorage.setItem(KEY, JSON.stringify(found));
  tell();
}

export function end() {
  if (!known) return;
  known = null;
  localStorage.removeItem(KEY);
  tell();
}

/** Calls `listener` now and whenever somebody signs in or out. */
export function onSession(listener) {
  listeners.add(listener);
  listener(known);
}

function tell() {
  for (const listener of listeners) listener(known);
}

window.addEventListener("storage", (event) => {
  if (event.key !== KEY) return;
  const before = known?.token;
  known = load();
  if (known?.token !== before) tell();
});

setInterval(() => {
  if (known && known.expired_at * 1000 <= Date.now()) end();
}, 10_000);
