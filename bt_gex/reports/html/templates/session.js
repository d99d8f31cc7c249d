"use strict";
(() => {
  const view = document.getElementById("session-view");
  if (!view) return;
  const data = JSON.parse(document.getElementById("session-data").textContent);
  const known = JSON.parse(document.getElementById("trade-data").textContent);
  const place = Object.fromEntries(known.fields.map((name, n) => [name, n]));
  const trades = {};
  for (const row of known.trades) {
    const t = Object.fromEntries(known.fields.map((name) => [name, row[place[name]]]));
    (trades[t.entry.slice(0, 10)] ||= []).push(t);
  }
  const form = document.getElementById("session-form");
  const select = form.elements.session;
  const picture = document.getElementById("session-picture");
  const reading = document.getElementById("session-reading");
  const NS = "http://www.w3.org/2000/svg";
  const money = (x) => x === null ? "n/a" : (x < 0 ? "-" : x > 0 ? "+" : "") + "$" +
    Math.abs(x).toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const points = (x) => x === null ? "n/a" : x.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const count = (n, noun) => `${n.toLocaleString("en-US")} ${noun}${n === 1 ? "" : "s"}`;
  const outcome = (t) => t.pnl === null ? "unresolved" : t.pnl > 0 ? "won" : t.pnl < 0 ? "lost" : "even";
  const COLOUR = { won: "var(--blue)", lost: "var(--vermilion)", even: "var(--muted)", unresolved: "var(--ink)", call: "var(--vermilion)", put: "var(--green)", pin: "var(--purple)", account: "var(--sky)", index: "var(--ink)" };
  const right = (t, leg) => t.strategy === "CALL" || (t.strategy === "IC" && leg < 2) ? "call" : "put";

  // [[row, value or null], ...] of a line of the data
  function decoded([rows, values]) {
    let row = 0, level = 0;
    return values.map((change, n) => {
      row = rows === 0 ? n : row + rows[n];
      if (change !== null) level += change;
      return [row, change === null ? null : level / 100];
    });
  }

  function at(line, row) {
    let found = null;
    for (const [when, value] of line) { if (when > row) break; found = value; }
    return found;
  }

  const clock = (one, row) => {
    const s = one.open + row * data.bar_s;
    return [s / 3600, s / 60 % 60, s % 60].map((x) => String(Math.floor(x)).padStart(2, "0")).join(":");
  };

  const rowOf = (one, text) => {
    const [h, m, s] = text.slice(11).split(":").map(Number);
    return Math.min(Math.max((h * 3600 + m * 60 + s - one.open) / data.bar_s, 0), one.bars);
  };

  function round(span, parts) {
    const raw = span / parts, power = 10 ** Math.floor(Math.log10(raw));
    return [1, 2, 2.5, 5, 10].map((x) => x * power).find((x) => x >= raw);
  }

  function ticks(low, high, parts) {
    const step = round(high - low || 1, parts), found = [];
    for (let n = Math.ceil(low / step); n * step <= high; n++) found.push(n * step);
    return found;
  }

  function element(name, attributes, text) {
    const node = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    return node;
  }

  function shape(kind, x, y, r, colour) {
    const d = { entry: `M${x} ${y - r}L${x + r} ${y}L${x} ${y + r}L${x - r} ${y}Z`,
      won: `M${x} ${y - r}L${x + r} ${y + r}L${x - r} ${y + r}Z`,
      lost: `M${x} ${y + r}L${x + r} ${y - r}L${x - r} ${y - r}Z`,
      even: `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`,
      unresolved: `M${x - r} ${y - r}L${x + r} ${y + r}M${x - r} ${y + r}L${x + r} ${y - r}` }[kind];
    return element("path", { d, fill: kind === "unresolved" ? "none" : colour, stroke: kind === "unresolved" ? colour : "var(--surface)", "stroke-width": kind === "unresolved" ? 2 : 1 });
  }

  function draw(one) {
    const own = trades[one.day] || [];
    const spot = decoded(one.spot), pin = decoded(one.pin), account = decoded(one.account);
    const w = Math.max(300, Math.min(1120, picture.clientWidth || 900)), narrow = w < 560;
    const [left, side, top] = [narrow ? 50 : 64, 10, 8];
    const [high, low] = narrow ? [250, 110] : [310, 120];
    const gap = 20, h = top + high + gap + low + 24;
    const svg = element("svg", { viewBox: `0 0 ${w} ${h}`, role: "img", "aria-label": `${one.day}: index price, pin, strikes held and account` });
    const x = (row) => left + (w - left - side) * row / one.bars;
    const scale = (values, from, height) => {
      let [a, b] = [Math.min(...values), Math.max(...values)];
      const pad = (b - a || 1) * 0.06;
      [a, b] = [a - pad, b + pad];
      return [(v) => from + height * (b - v) / (b - a), a, b];
    };
    const strikes = own.flatMap((t) => t.strikes);
    const levels = [...spot, ...pin].map(([, v]) => v).filter((v) => v !== null);
    const [y, bottomOf, topOf] = scale([...levels, ...strikes, ...(levels.length || strikes.length ? [] : [0])], top, high);
    const [z, least, most] = scale([0, ...account.map(([, v]) => v).filter((v) => v !== null)], top + high + gap, low);
    const grid = (v, to, text) => svg.append(
      element("line", { x1: left, x2: w - side, y1: to(v), y2: to(v), stroke: "var(--line)", "stroke-width": 0.7 }),
      element("text", { x: left - 6, y: to(v) + 4, "text-anchor": "end" }, text));
    ticks(bottomOf, topOf, narrow ? 4 : 6).forEach((v) => grid(v, y, v.toLocaleString("en-US")));
    ticks(least, most, 3).forEach((v) => grid(v, z, (v < 0 ? "-$" : "$") + Math.abs(v).toLocaleString("en-US")));
    const hour = 3600 / data.bar_s, first = (3600 - one.open % 3600) % 3600 / data.bar_s;
    for (let row = first, n = 0; row <= one.bars; row += hour, n++) {
      svg.append(element("line", { x1: x(row), x2: x(row), y1: top, y2: h - 24, stroke: "var(--line)", "stroke-width": 0.7 }));
      if (!narrow || n % 2 === 0) svg.append(element("text", { x: x(row), y: h - 8, "text-anchor": row > one.bars - 20 ? "end" : "middle" }, clock(one, row).slice(0, 5)));
    }
    const trace = (line, to, style, steps) => {
      let d = "", pen = false;
      for (const [row, value] of line) {
        if (value === null) { pen = false; continue; }
        const px = x(row).toFixed(1), py = to(value).toFixed(1);
        d += pen ? (steps ? `H${px}V${py}` : `L${px} ${py}`) : `M${px} ${py}`;
        pen = true;
      }
      svg.append(element("path", { d: d || "M0 0", fill: "none", ...style }));
    };
    for (const t of own) {
      const [from, to] = [rowOf(one, t.entry), rowOf(one, t.exit)];
      t.strikes.forEach((strike, leg) => {
        const sold = leg % 2 === 0;
        svg.append(element("line", { x1: x(from), x2: Math.max(x(to), x(from) + 2), y1: y(strike), y2: y(strike), stroke: COLOUR[right(t, leg)], "stroke-width": sold ? 2.6 : 1.1, "stroke-dasharray": sold ? "none" : "2 3", class: "strike" }));
      });
    }
    trace(pin, y, { stroke: COLOUR.pin, "stroke-width": 1.6, "stroke-dasharray": "6 4", class: "pin" }, true);
    trace(spot, y, { stroke: COLOUR.index, "stroke-width": 1.3, class: "index" });
    const mark = (kind, row, level, colour, words) => {
      if (level === null) return;
      const node = shape(kind, x(row), y(level), narrow ? 5 : 6, colour);
      node.setAttribute("class", kind === "entry" ? "entry" : "exit");
      node.append(element("title", {}, words));
      svg.append(node);
    };
    for (const t of own) {
      const [from, to] = [rowOf(one, t.entry), rowOf(one, t.exit)];
      const name = `${t.strategy} ${t.strikes.join("/")}`;
      mark("entry", from, t.spot ?? at(spot, from), COLOUR.won, `${t.entry.slice(11)} entry: ${name} sold at ${points(t.credit)}`);
      mark(outcome(t), to, t.spot_exit ?? at(spot, to), COLOUR[outcome(t)], `${t.exit.slice(11)} ${t.reason}: ${name}, ${money(t.pnl)}`);
    }
    svg.append(element("line", { x1: left, x2: w - side, y1: z(0), y2: z(0), stroke: "var(--muted)" }));
    trace(account, z, { stroke: COLOUR.account, "stroke-width": 1.5, class: "account" });
    const cross = element("line", { y1: top, y2: h - 24, stroke: "var(--muted)", "stroke-dasharray": "3 3", visibility: "hidden" });
    svg.append(cross);
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const row = Math.round(((event.clientX - box.left) * w / box.width - left) / (w - left - side) * one.bars);
      if (row < 0 || row > one.bars) return;
      for (const name of ["x1", "x2"]) cross.setAttribute(name, x(row));
      cross.setAttribute("visibility", "visible");
      reading.textContent = `${clock(one, row)}: index ${points(at(spot, row))}, pin ${points(at(pin, row))}, session ${money(at(account, row))}`;
    });
    picture.replaceChildren(svg);
  }

  function legend() {
    const said = document.getElementById("session-legend");
    const lines = [["index price", { stroke: COLOUR.index }], ["pin", { stroke: COLOUR.pin, "stroke-dasharray": "6 4" }],
      ["call sold", { stroke: COLOUR.call, "stroke-width": 2.6 }], ["call bought", { stroke: COLOUR.call, "stroke-dasharray": "2 3" }],
      ["put sold", { stroke: COLOUR.put, "stroke-width": 2.6 }], ["put bought", { stroke: COLOUR.put, "stroke-dasharray": "2 3" }],
      ["P&L of the session, open spreads at mid", { stroke: COLOUR.account }]];
    const marks = [["entry", "entry", COLOUR.won], ["won", "exit with a profit", COLOUR.won], ["lost", "exit with a loss", COLOUR.lost]];
    const item = (text, node) => {
      const span = document.createElement("span"), svg = element("svg", { viewBox: "0 0 26 12" });
      svg.append(node);
      span.append(svg, ` ${text}`);
      return span;
    };
    said.replaceChildren(
      ...lines.map(([text, style]) => item(text, element("line", { x1: 0, x2: 26, y1: 6, y2: 6, "stroke-width": 1.5, ...style }))),
      ...marks.map(([kind, text, colour]) => item(text, shape(kind, 13, 6, 5, colour))));
  }

  function list(own) {
    const table = document.getElementById("session-trades");
    const row = (name, cells) => {
      const tr = document.createElement("tr");
      tr.append(...cells.map((cell) => { const td = document.createElement(name); td.append(cell); return td; }));
      return tr;
    };
    const head = ["entry", "exit", "spread", "reason", "P&L"];
    table.replaceChildren(...(own.length ? [row("th", head)] : []), ...own.map((t) => {
      const link = document.createElement("a");
      link.href = "#trade-" + t.id;
      link.textContent = t.entry.slice(11);
      link.title = t.id;
      return row("td", [link, t.exit.slice(11), `${t.strategy} ${t.strikes.join("/")}`, t.reason, money(t.pnl)]);
    }));
  }

  function show(name) {
    const one = data.sessions.find((s) => s.day === name);
    if (!one) return false;
    select.value = name;
    const own = trades[name] || [], n = data.sessions.indexOf(one);
    form.elements.before.disabled = n === 0;
    form.elements.after.disabled = n === data.sessions.length - 1;
    document.getElementById("session-words").textContent = `${one.weekday} ${one.day}: ` +
      (one.spot ? `${money(one.pnl)}, ${count(own.length, "trade")} of ${count(one.checks, "check")}` : "no data was recorded");
    list(own);
    reading.textContent = "Point at the picture to read its values.";
    if (one.spot) draw(one);
    else picture.replaceChildren();
    return true;
  }

  function follow(hash) {
    if (!hash.startsWith("#session-") || !show(hash.slice(9))) return false;
    form.scrollIntoView({ block: "start" });
    return true;
  }

  select.append(...data.sessions.map((one) => {
    const option = document.createElement("option");
    option.value = one.day;
    option.textContent = `${one.weekday} ${one.day}  ${one.spot ? money(one.pnl) : "no data"}`;
    return option;
  }));
  const step = (by) => { select.selectedIndex += by; show(select.value); };
  form.elements.before.addEventListener("click", () => step(-1));
  form.elements.after.addEventListener("click", () => step(1));
  select.addEventListener("change", () => show(select.value));
  form.addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest('a[href^="#session-"]');
    if (link && follow(link.hash)) { event.preventDefault(); history.replaceState(null, "", link.hash); }
  });
  let waiting;
  addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(() => show(select.value), 150); });
  view.hidden = false;
  legend();
  const traded = data.sessions.filter((one) => one.spot).sort((a, b) => a.pnl - b.pnl);
  if (!follow(location.hash)) show((traded[0] || data.sessions[0]).day);
})();
