"use strict";
// Live news of an account, buttons that copy, tables that sort. Pages work without all of it.
for (const button of document.querySelectorAll("button.copy")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
  });
}

const source = document.querySelector("[data-events]");
const news = document.querySelector(".news");
if (source && news && window.EventSource && source.dataset.after !== "latest") {
  const stream = new EventSource(`${source.dataset.events}?after=${source.dataset.after}`);
  let count = 0;
  const heard = () => {
    count += 1;
    news.textContent = "";
    const link = document.createElement("a");
    link.href = location.href;
    link.textContent = "show";
    news.append(`${count} new event${count === 1 ? "" : "s"}: `, link);
  };
  for (const type of [
    "intent_emitted", "policy_evaluated", "intent_approved", "intent_rejected", "order_submitted",
    "order_rejected", "order_filled", "position_opened", "position_scaled", "position_closed",
    "kill_switch_activated", "kill_switch_deactivated", "strategy_paused", "strategy_resumed",
    "state_reset", "state_reconciled", "epoch_started",
  ]) stream.addEventListener(type, heard);
  addEventListener("pagehide", () => stream.close());
} else if (source && news) {
  setTimeout(() => location.reload(), 3000); // a plan that runs
}

for (const table of document.querySelectorAll("table.sortable")) {
  table.querySelectorAll("thead th").forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "plain";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    let up = false;
    button.addEventListener("click", () => {
      up = !up;
      const value = (row) => row.cells[Math.min(column, row.cells.length - 1)].textContent.trim();
      const number = (text) => Number.parseFloat(text.replace(/[$,%+]/g, "").replace("−", "-"));
      const rows = [...table.tBodies[0].rows];
      rows.sort((one, other) => {
        const [a, b] = [value(one), value(other)];
        const [x, y] = [number(a), number(b)];
        const order = Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y;
        return up ? order : -order;
      });
      table.tBodies[0].append(...rows);
      for (const other of table.querySelectorAll("th")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
    });
  });
}
