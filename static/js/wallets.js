// Wallets by EIP-1193: those that announce themselves (EIP-6963), window.ethereum, and on the development chain one
// that needs no installing. All sign in and pay alike.

import { post } from "./api.js";
import { config, t } from "./dom.js";
import { address as brief, inTokens, units } from "./format.js";
import { begin, end, session } from "./session.js";

const announced = new Map();
window.addEventListener("eip6963:announceProvider", ({ detail }) => {
  if (detail?.info?.rdns && detail.provider) announced.set(detail.info.rdns, { name: String(detail.info.name), provider: detail.provider });
});
window.dispatchEvent(new Event("eip6963:requestProvider"));

/** [{id, name}] of the wallets in this browser. */
export function installed() {
  const found = [...announced].map(([id, { name }]) => ({ id, name }));
  if (!found.length && window.ethereum) found.push({ id: "ethereum", name: t("browser_wallet") });
  return found;
}

async function providerOf({ id, address }) {
  if (id === "demonstration") return (await import("./demonstration.js")).provider(address);
  const found = announced.get(id)?.provider || window.ethereum;
  if (!found) throw new Error(t("wallet_gone"));
  return found;
}

/** What a wallet says when it refuses, as a sentence. */
function inWords(error) {
  if (error?.code === 4001) return new Error(t("wallet_rejected"));
  return error instanceof Error ? error : new Error(error?.message || t("wallet_failed"));
}

async function ask(provider, method, params) {
  try {
    return await provider.request({ method, params });
  } catch (error) {
    throw inWords(error);
  }
}

const hexText = (text) => `0x${[...new TextEncoder().encode(text)].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;

/** Signs in with a wallet: `{id}` of an installed one, or `{id: "demonstration", address}`. */
export async function signIn(wallet) {
  const provider = await providerOf(wallet);
  const [address] = await ask(provider, "eth_requestAccounts");
  if (!address) throw new Error(t("wallet_failed"));
  const { data: asked } = await post("auth/nonce", { address });
  const signature = await ask(provider, "personal_sign", [hexText(asked.message), address]);
  const { data } = await post("auth/token", { address, signature });
  begin({ token: data.access_token, expired_at: data.expired_at, address, wallet });
}

export async function signOut() {
  try {
    await post("auth/logout");
  } finally {
    end();
  }
}

/** A new token before the old one ends, so that whoever trades every day stays signed in. */
export async function prolong() {
  const now = session();
  if (!now || now.expired_at * 1000 - Date.now() > 6 * 3600_000) return;
  const { data } = await post("auth/refresh");
  begin({ ...now, token: data.access_token, expired_at: data.expired_at });
}

async function onTheChain(provider, chain) {
  const wanted = `0x${chain.toString(16)}`;
  if (BigInt(await ask(provider, "eth_chainId")) === BigInt(chain)) return;
  try {
    await provider.request({ method: "wallet_switchEthereumChain", params: [{ chainId: wanted }] });
  } catch (error) {
    if (error?.code === 4001) throw inWords(error);
    throw new Error(t("wrong_chain", { chain }));
  }
}

/** Pays a prepared order from the signed-in wallet; the transaction's hash. */
export async function transfer({ amount, address: to, token, chain_id: chain }) {
  const now = session();
  const provider = await providerOf(now.wallet);
  const accounts = await ask(provider, "eth_requestAccounts");
  const from = accounts.find((account) => account.toLowerCase() === now.address.toLowerCase());
  if (!from) throw new Error(t("wrong_account", { address: brief(now.address) }));
  await onTheChain(provider, chain);
  // balanceOf(address): what the wallet lacks would only come out as a failed transaction. A wallet may not answer.
  const held = await provider
    .request({ method: "eth_call", params: [{ to: token, data: `0x70a08231${from.slice(2).toLowerCase().padStart(64, "0")}` }, "latest"] })
    .then(BigInt)
    .catch(() => null);
  if (held !== null && held < units(amount)) throw new Error(t("wallet_lacks", { held: inTokens(held) }));
  const data = `0xa9059cbb${to.slice(2).toLowerCase().padStart(64, "0")}${units(amount).toString(16).padStart(64, "0")}`;
  return ask(provider, "eth_sendTransaction", [{ from, to: token, data }]);
}

/** The demonstration's account: one picked at random and kept, since all visitors share them. */
export function demonstrationAccount() {
  const kept = localStorage.getItem("soke.demonstration");
  if (config.demonstration.includes(kept)) return kept;
  return config.demonstration[crypto.getRandomValues(new Uint8Array(1))[0] % config.demonstration.length];
}

export const keepDemonstrationAccount = (address) => localStorage.setItem("soke.demonstration", address);
