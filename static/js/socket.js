// One socket for all channels. It comes back by itself, says again what it wants, and knows how old its news is.

import { onSession, session, end } from "./session.js";

const PRIVATE = new Set(["index.positions", "orders", "balance", "payments"]);
// The server pings every 20 s; a socket that is silent for longer is dead, whatever the network says.
const SILENCE = 45_000;
const LONGEST_WAIT = 10_000;

const handlers = new Map();
const watchers = new Set();
let socket = null;
let signedIn = null;
let tries = 0;
let heard = 0;
let timer = 0;
let state = "connecting";

/** Calls `handler(data, ts)` with every push of a channel, the snapshot first. */
export function subscribe(channel, handler) {
  if (!handlers.has(channel)) handlers.set(channel, new Set());
  handlers.get(channel).add(handler);
  if (isOpen() && wanted(channel)) say({ sub: channel, id: channel });
}

/** Calls `watcher(state)` now and at each change: "connecting", "live" or "away". */
export function onState(watcher) {
  watchers.add(watcher);
  watcher(state);
}

const isOpen = () => socket?.readyState === WebSocket.OPEN;
const wanted = (channel) => !PRIVATE.has(channel) || signedIn !== null;
const say = (message) => socket.send(JSON.stringify(message));

function change(next) {
  if (next === state) return;
  state = next;
  for (const watcher of watchers) watcher(state);
}

function open() {
  clearTimeout(timer);
  heard = Date.now();
  signedIn = null;
  const mine = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`);
  socket = mine;
  mine.onopen = () => {
    // Its answer says that the way back works, too.
    say({ ping: Date.now() });
    for (const channel of handlers.keys()) if (!PRIVATE.has(channel)) say({ sub: channel, id: channel });
    if (session()) say({ auth: session().token, id: "auth" });
  };
  mine.onmessage = (event) => {
    heard = Date.now();
    tries = 0;
    change("live");
    take(JSON.parse(event.data));
  };
  mine.onclose = ({ code }) => {
    if (socket !== mine) return;
    // Banned: the next answer says so and why.
    if (code === 4003) window.dispatchEvent(new Event("soke:banned"));
    socket = null;
    change("away");
    // Spread out, so that a server that comes back is not met by all at once.
    const wait = Math.min(LONGEST_WAIT, 400 * 2 ** tries) * (0.5 + Math.random() / 2);
    tries += 1;
    timer = setTimeout(open, wait);
  };
}

function take(message) {
  if (message.ping !== undefined) say({ pong: message.ping });
  else if (message.ch !== undefined) for (const handler of handlers.get(message.ch) || []) handler(message.data, message.ts);
  else if (message.status === "ok" && message.auth !== undefined) {
    signedIn = message.auth;
    for (const channel of handlers.keys()) if (PRIVATE.has(channel)) say({ sub: channel, id: channel });
  } else if (message.code === 401 && (message.id === "auth" || message.reason?.startsWith("token_"))) end();
}

function drop() {
  clearTimeout(timer);
  const old = socket;
  socket = null;
  old?.close();
  change("away");
}

function reopen() {
  drop();
  open();
}

export function start() {
  open();
  let before = session()?.token;
  onSession((now) => {
    if (now?.token === before) return;
    before = now?.token;
    // Signing out closes the private channels with the socket.
    if (now && isOpen()) say({ auth: now.token, id: "auth" });
    else reopen();
  });
  setInterval(() => {
    if (socket && Date.now() - heard > SILENCE) reopen();
  }, 2000);
  const hurry = () => {
    if (!socket && document.visibilityState === "visible") open();
  };
  window.addEventListener("online", hurry);
  // A socket without a network would be silent for long before anybody noticed.
  window.addEventListener("offline", () => {
    drop();
    timer = setTimeout(open, LONGEST_WAIT);
  });
  document.addEventListener("visibilitychange", hurry);
}
