// Mining: power from pledges and funds, a daily share of the incentive pool.

import { post } from "./api.js";
import { busy, onHome, openSignIn, readHome } from "./app.js";
import { $, h, put, t } from "./dom.js";
import { money, roughly, shortTime } from "./format.js";
import { toast } from "./popup.js";
import { session } from "./session.js";
import { list } from "./table.js";

let open = false;

onHome((home) => {
  open = home.power.is_open_power === true;
  put("#incentive-pool", roughly(home.global.incentive_pool));
  put("#power-pool", money(home.power.power_pool));
  put("#power-rate", `${home.power.power_rate}%`);
  put("#my-power", home.my.power === null ? "–" : money(home.my.power));
  put("#power-income", home.my.address ? money(home.my.power_income) : "–");
  put("#mining-state", home.my.address ? t(open ? "mining_on" : "mining_off") : "–");
  $("#mining-card").dataset.on = open;
  put("#start", t(open ? "mining_prolong" : "mining_start"));
  $("#stop").hidden = !open;
});
setInterval(readHome, 15_000);

const act = (path, done) => (event) => {
  if (!session()) return openSignIn();
  return busy(event.currentTarget, async () => {
    await post(path);
    toast(t(done), "good");
    await readHome();
  });
};
$("#start").addEventListener("click", act("power/start", "mining_started"));
$("#stop").addEventListener("click", act("power/stop", "mining_stopped"));

list($("#power-rewards"), {
  path: "power/reward/logs",
  label: t("rewards"),
  empty: t("no_rewards"),
  columns: [
    { title: t("time"), cell: (row) => h("time", {}, shortTime(row.created_at)), kind: "lead" },
    { title: t("amount"), cell: (row) => money(row.reward), kind: "number" },
  ],
});
