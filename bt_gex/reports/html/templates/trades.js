"use strict";
(() => {
  const data = JSON.parse(document.getElementById("trade-data").textContent);
  const table = document.getElementById("trade-table");
  if (!table) return;
  const trades = data.trades.map((values, number) =>
    Object.fromEntries([["number", number], ...data.fields.map((name, n) => [name, values[n]])]));
  for (const t of trades) t.strikes_text = t.strikes.join("/");
  const money = (x, signed) => x === null ? "n/a" :
    (x < 0 ? "-" : signed && x > 0 ? "+" : "") + "$" +
    Math.abs(x).toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const points = (x) => x === null ? "n/a" : Number(x).toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 5 });
  const outcome = (t) => t.pnl === null ? "unresolved" : t.pnl > 0 ? "won" : t.pnl < 0 ? "lost" : "even";
  const columns = [
    ["Entry", (t) => t.entry, (t) => t.entry],
    ["P&L", (t) => t.pnl, (t) => money(t.pnl, true), "num"],
    ["Reason", (t) => t.reason, (t) => t.reason],
    ["Exit", (t) => t.exit, (t) => t.exit.slice(11), "wide-only"],
    ["Index", (t) => t.index, (t) => t.index, "wide-only"],
    ["Strategy", (t) => t.strategy, (t) => t.strategy, "wide-only"],
    ["Strikes", (t) => t.strikes_text, (t) => t.strikes_text, "wide-only"],
    ["Qty", (t) => t.quantity, (t) => String(t.quantity), "num wide-only"],
    ["Credit", (t) => t.credit, (t) => points(t.credit), "num wide-only"],
    ["Exit value", (t) => t.value, (t) => points(t.value), "num wide-only"],
    ["% of credit", (t) => t.pnl_pct, (t) => t.pnl_pct === null ? "n/a" : t.pnl_pct.toFixed(2), "num wide-only"],
    ["Minutes", (t) => t.minutes, (t) => t.minutes.toFixed(1), "num wide-only"],
  ];
  const el = (name, text, cls) => {
    const node = document.createElement(name);
    if (text !== undefined) node.textContent = text;
    if (cls) node.className = cls;
    return node;
  };
  const headings = table.tHead.rows[0];
  const body = table.tBodies[0];
  const form = document.getElementById("filters");
  const ROWS = 400; // built at once; a phone takes seconds for thousands
  let sorted = 0, down = false, most = ROWS;
  columns.forEach(([name, , , cls], n) => {
    const th = el("th", undefined, cls);
    th.scope = "col";
    const button = el("button", name);
    button.type = "button";
    button.addEventListener("click", () => { down = sorted === n ? !down : false; sorted = n; draw(); });
    th.append(button);
    headings.append(th);
  });

  function compare(a, b) {
    const [x, y] = [columns[sorted][1](a), columns[sorted][1](b)];
    if (x === y) return a.number - b.number;
    if (x === null) return 1;
    if (y === null) return -1;
    return (x < y ? -1 : 1) * (down ? -1 : 1);
  }

  function wanted(t) {
    const want = Object.fromEntries(new FormData(form));
    const text = want.text.trim().toLowerCase();
    return (!want.index || t.index === want.index) && (!want.strategy || t.strategy === want.strategy) &&
      (!want.reason || t.reason === want.reason) && (!want.flag || t.flags.includes(want.flag)) && (!want.outcome || outcome(t) === want.outcome) &&
      (!text || (t.id + " " + t.entry).toLowerCase().includes(text));
  }

  function draw() {
    [...headings.cells].forEach((th, n) => {
      if (n === sorted) th.setAttribute("aria-sort", down ? "descending" : "ascending");
      else th.removeAttribute("aria-sort");
    });
    const shown = trades.filter(wanted).sort(compare);
    const cents = shown.reduce((sum, t) => sum + Math.round((t.pnl || 0) * 100), 0);
    const won = shown.filter((t) => outcome(t) === "won").length;
    document.getElementById("shown").textContent =
      `${shown.length.toLocaleString("en-US")} of ${trades.length.toLocaleString("en-US")} trades, ${won.toLocaleString("en-US")} won, together ${money(cents / 100, true)}`;
    body.replaceChildren(...shown.slice(0, most).map(row));
    if (shown.length > most) {
      const all = el("button", `Show all ${shown.length.toLocaleString("en-US")}`);
      all.type = "button";
      all.addEventListener("click", () => { most = Infinity; draw(); });
      const cell = el("td");
      cell.colSpan = columns.length;
      cell.append(all);
      const last = el("tr");
      last.append(cell);
      body.append(last);
    }
  }

  function row(t) {
    const tr = el("tr", undefined, "trade");
    tr.id = "trade-" + t.id;
    columns.forEach(([name, , shown, cls], n) => {
      const td = el("td", undefined, (cls || "") + (name === "P&L" && t.pnl ? (t.pnl > 0 ? " gain" : " loss") : ""));
      if (n === 0) {
        const opener = el("button", shown(t), "opener");
        opener.type = "button";
        opener.setAttribute("aria-expanded", "false");
        td.append(opener);
      } else td.textContent = shown(t);
      tr.append(td);
    });
    tr.addEventListener("click", () => toggle(tr, t));
    return tr;
  }

  function toggle(tr, t) {
    const open = tr.classList.toggle("open");
    tr.querySelector(".opener").setAttribute("aria-expanded", String(open));
    if (!open) { tr.nextSibling.remove(); return; }
    const more = el("tr");
    const cell = el("td", undefined, "detail");
    cell.colSpan = columns.length;
    const inner = el("div", undefined, "inner");
    inner.append(...detail(t));
    cell.append(inner);
    more.append(cell);
    tr.after(more);
  }

  function pairs(rows) {
    const t = el("table");
    for (const [name, value] of rows) {
      const tr = el("tr");
      tr.append(el("th", name), el("td", value));
      t.append(tr);
    }
    return t;
  }

  function detail(t) {
    const grid = el("div", undefined, "grid");
    const seen = el("div"), legs = el("div");
    seen.append(el("h3", "What was seen, and what came of it"), pairs(facts(t)));
    legs.append(el("h3", "Legs"));
    const lt = el("table");
    const headRow = el("tr");
    ["", "strike", "bid / ask at entry", "at exit"].forEach((name) => headRow.append(el("th", name)));
    lt.append(headRow);
    t.strikes.forEach((strike, n) => {
      const right = t.strategy === "CALL" || (t.strategy === "IC" && n < 2) ? "call" : "put";
      const [eb, ea, xb, xa, entryAge, exitAge] = t.legs[n];
      const pair = (bid, ask, leaving, age) => {
        if (bid === null || ask === null) return "no quote";
        const bought = (n % 2 === 1) !== leaving;
        const paid = data.slippage[leaving ? 1 : 0] * (ask - bid) / 2;
        const fill = (bid + ask) / 2 + (bought ? paid : -paid);
        return `${bid === 0 ? "no bid" : points(bid)} / ${points(ask)}, ${bought ? "bought" : "sold"} at ${points(Math.round(fill * 1e5) / 1e5)}${age === null || age === undefined ? "" : `; quote ${age} s old`}`;
      };
      const tr = el("tr");
      tr.append(el("th", n % 2 ? "bought" : "sold"), el("td", `${strike} ${right}`), el("td", pair(eb, ea, false, entryAge)),
        el("td", settled(t) ? "settled" : pair(xb, xa, true, exitAge)));
      lt.append(tr);
    });
    legs.append(lt);
    const rules = levels(t);
    if (rules.length) {
      legs.append(el("h3", "What would close it"), pairs(rules.map(([name, v]) => [name,
        `value at mid ${v < t.credit ? "at or below" : "at or above"} ${points(v)}, ${money(Math.round((t.credit - v) * point(t) * 100) / 100, true)}`])));
    }
    grid.append(seen, legs);
    const notes = t.flags.map((name) => el("p", `${name}: ${data.flags[name] || ""}`));
    return [...story(t).map((text) => el("p", text)), grid, el("h3", "Value of the spread at mid, from entry to exit"), path(t), ...notes];
  }

  const point = (t) => data.multiplier * t.quantity;
  const settled = (t) => t.reason === data.settlement;
  const levels = (t) => data.levels.map((name, n) => [name, t.levels[n]]).filter(([, v]) => v !== undefined);

  function story(t) {
    const said = [];
    if (t.confidence) said.push(`${data.reasoning[t.strategy]} Confidence ${t.confidence}.`);
    said.push(`${t.quantity} contract${t.quantity === 1 ? "" : "s"} of the ${t.width}-point spread ${t.strikes_text} sold for ` +
      `${points(t.credit)} points (${money(t.credit * point(t))}); the most it could lose was ${money(t.max_loss)}.`);
    if (t.value === null) said.push("There was no price to settle on, so what it made is not known; it is outside all figures.");
    else said.push(`${settled(t) ? "Settled in cash at" : "Bought back at"} ${points(t.value)} after ${t.minutes.toFixed(1)} minutes (${t.reason}): ` +
      `(${points(t.credit)} - ${points(t.value)}) x $${data.multiplier} x ${t.quantity} - ${money(t.commission)} commission = ${money(t.pnl, true)}.`);
    if (t.value !== null && !settled(t)) said.push(data.fill_words);
    return said;
  }

  function facts(t) {
    const side = t.distance > 0 ? "above" : "below";
    return [
      ["Index", `${points(t.spot)} at entry, ${points(t.spot_exit)} at exit`],
      ["Pin", points(t.pin) + (t.distance === null ? "" : t.distance ? `; the index stood ${Math.abs(t.distance)} points ${side}` : "; the index stood on it")],
      ["VIX", `${points(t.vix)} at entry, ${points(t.vix_exit)} at exit`],
      ["Best at mid (MFE)", money(t.mfe, true)],
      ["Worst at mid (MAE)", money(t.mae, true)],
      ["Bars without a price", Object.entries(t.unpriced).filter(([, n]) => n).map(([kind, n]) => `${n} ${kind.replaceAll("_", " ")}`).join(", ") || "none"],
      ["Order", t.id],
    ];
  }

  function path(t) {
    const narrow = innerWidth < 640;
    const [w, h, left, right, top, bottom] = [narrow ? innerWidth - 50 : 680, 230, 44, narrow ? 8 : 168, 10, 26];
    const ns = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(ns, "svg");
    svg.setAttribute("viewBox", `0 0 ${w} ${h}`);
    svg.setAttribute("class", "path");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", "value of the spread over time, with the levels that close it");
    const add = (name, attributes, text) => {
      const node = document.createElementNS(ns, name);
      for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
      if (text !== undefined) node.textContent = text;
      svg.append(node);
    };
    const known = t.path.filter((v) => v !== null);
    const last = Math.max(t.minutes * 2, 1);
    const bars = t.bars || t.path.map((_, n) => n);
    const lines = [["Credit", t.credit], ...levels(t)];
    const all = [...known, ...lines.map(([, v]) => v), ...(t.value === null ? [] : [t.value])];
    const lowest = Math.min(0, ...all), highest = Math.max(...all) * 1.06 + 0.01;
    const x = (bar) => left + (w - left - right) * bar / last;
    const y = (v) => top + (h - top - bottom) * (highest - v) / (highest - lowest);
    const colours = { "Credit": "var(--ink)", "Profit Target": "var(--blue)", "Stop Loss": "var(--orange)", "Emergency Stop": "var(--vermilion)" };
    let above = h;
    for (const [name, v] of lines.sort((a, b) => a[1] - b[1])) {
      add("line", { x1: left, x2: w - right, y1: y(v), y2: y(v), stroke: colours[name] || "var(--muted)", "stroke-dasharray": name === "Credit" ? "2 3" : "6 3" });
      above = Math.min(y(v) + 4, above - 13);
      const label = { y: above - (narrow ? 6 : 0), style: `fill:${colours[name] || "var(--muted)"}` };
      add("text", narrow ? { ...label, x: w - right, "text-anchor": "end" } : { ...label, x: w - right + 6 }, `${name} ${points(v)}`);
    }
    let d = "", pen = false;
    t.path.forEach((v, n) => {
      if (v === null) { pen = false; return; }
      d += `${pen ? "L" : "M"}${x(bars[n]).toFixed(1)} ${y(v).toFixed(1)}`;
      pen = true;
    });
    add("path", { d: d || "M0 0", fill: "none", stroke: "var(--ink)", "stroke-width": 1.6 });
    add("rect", { x: x(0) - 4, y: y(t.credit) - 4, width: 8, height: 8, fill: "var(--ink)" });
    if (t.value !== null) add("circle", { cx: x(last), cy: y(t.value), r: 5, fill: t.pnl > 0 ? "var(--blue)" : "var(--vermilion)" });
    add("text", { x: left, y: h - 8 }, t.entry.slice(11));
    add("text", { x: w - right, y: h - 8, "text-anchor": "end" }, t.exit.slice(11) + " New York");
    for (const v of [lowest, (lowest + highest) / 2, highest]) add("text", { x: left - 6, y: y(v) + 4, "text-anchor": "end" }, v.toFixed(2));
    return svg;
  }

  form.addEventListener("input", draw);
  form.addEventListener("change", draw);
  form.addEventListener("reset", () => setTimeout(draw));
  draw();
  function follow() {
    const asked = decodeURIComponent(location.hash.slice(1));
    if (!asked.startsWith("trade-")) return;
    if (!document.getElementById(asked)) { most = Infinity; form.reset(); } // which draws, later
    setTimeout(() => {
      const found = document.getElementById(asked);
      if (!found) return;
      if (!found.classList.contains("open")) found.click();
      found.scrollIntoView();
    });
  }
  addEventListener("hashchange", follow);
  follow();
})();
