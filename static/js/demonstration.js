// The demonstration wallet: an EIP-1193 provider for an account of the development chain, whose keys the chain keeps.

let calls = 0;

export function provider(address) {
  async function request({ method, params = [] }) {
    if (method === "eth_requestAccounts" || method === "eth_accounts") return [address];
    calls += 1;
    const response = await fetch("/demonstration/rpc", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: calls, method, params }),
    });
    const body = await response.json();
    if (body.error) throw Object.assign(new Error(body.error.message), { code: body.error.code });
    return body.result;
  }
  return { request };
}
