"use strict";

// The page is drawn from /api/v1/status. All text goes through textContent: what
// a document or AWS says can never become markup.
const every = 3000, patience = 10000;
let shown = "", last = null, failedSince = null;

const byId = id => document.getElementById(id);

function el(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== undefined && value !== null && value !== "") e.setAttribute(name, value);
  }
  e.append(...children.flat().filter(c => c !== null && c !== undefined && c !== ""));
  return e;
}

const word = (text, look) => el("span", { class: "word " + (look || "") }, text);
const note = text => text ? el("p", { class: "note" }, text) : null;

// clock is a time as people read it, and the whole of it for those who point at it.
function clock(text) {
  if (!text) return "";
  const t = new Date(text), days = Math.abs(Date.now() - t) > 20 * 3600e3;
  const short = t.toLocaleString(undefined, days ? { dateStyle: "medium", timeStyle: "short" } : { timeStyle: "medium" });
  return el("time", { datetime: text, title: text }, short);
}

function span(seconds) {
  if (seconds < 90) return Math.round(seconds) + " s";
  return seconds < 5400 ? Math.round(seconds / 60) + " min" : Math.round(seconds / 3600) + " h";
}

const looks = {
  Enabled: "good", Missing: "bad", Disabled: "warn", error: "bad", warning: "warn", info: "",
  quiet: "good", applied: "good", drift: "warn", stale: "warn", partly: "bad", failed: "bad", stopped: "warn",
};
const plural = (n, one) => n + " " + one + (n === 1 ? "" : "s");

function card(title, ...children) { return el("section", { class: "card" }, el("h3", {}, title), ...children); }

function conditions(all) {
  return el("ul", { class: "chips", "aria-label": "Conditions" }, (all || []).map(c => {
    const fine = c.type === "Degraded" || c.type === "Paused" ? !c.status : c.status;
    const plain = c.type === "Paused" && c.status;
    return el("li", { class: "chip " + (fine ? "good" : plain ? "warn" : "bad"), title: c.message },
      (c.status ? c.type : "not " + c.type) + (fine ? "" : ": " + c.message));
  }));
}

function held(plan) {
  const all = (plan && plan.held) || [];
  if (!all.length) return null;
  return card("Held: wanted and not allowed yet", el("ul", { class: "items" }, all.map(h => el("li", {},
    el("strong", {}, h.action + " " + h.kind + " " + h.address), " ", word(h.why, "warn"),
    note(h.reason),
    el("p", { class: "note" }, h.until ? "until " : "looked at again in every pass", h.until ? clock(h.until) : "")))));
}

function failing(all) {
  if (!all || !all.length) return null;
  return card("Failing", el("ul", { class: "items" }, all.map(f => el("li", {},
    el("strong", {}, f.name), " ", word(plural(f.attempts, "attempt"), "bad"), note(f.error), el("p", { class: "note" }, "tried again at ", clock(f.until))))));
}

function routes(status) {
  const all = status.routes || [];
  const row = r => {
    const state = r.state + (r.off ? " (" + r.off + ")" : r.orphan ? " (no document)" : r.retired ? " (not wanted)" : "");
    const look = r.retired || r.orphan ? "" : looks[r.state] || "warn";
    const notes = [];
    if (r.alias && r.alias.behind) notes.push("alias " + r.alias.name + " is behind " + r.alias.follows);
    if (r.pending && r.pending.length) notes.push("next: " + [...new Set(r.pending)].join(", "));
    for (const h of r.held || []) notes.push(h.action + " is held (" + h.why + "): " + h.reason);
    if (r.paused) notes.push("paused by hand until " + new Date(r.paused).toLocaleString());
    if (r.released) notes.push("released until " + new Date(r.released).toLocaleString());
    if (r.brakeReleased) notes.push("the brake of its routing is lifted until " + new Date(r.brakeReleased).toLocaleString());
    const problem = (r.lastResult || "").startsWith("PROBLEM");
    return el("tr", {},
      el("td", { class: "name" }, r.name, notes.map(note)),
      el("td", {}, word(state, look)),
      el("td", { class: "key", "data-label": "reads" }, r.key),
      el("td", { "data-label": "result" }, problem ? word(r.lastResult, "bad") : r.lastResult || "–"),
      el("td", { class: "dim", "data-label": "since" }, clock(r.since) || "–"));
  };
  const titles = ["Route", "State", "Reads from, and runs", "Last result", "Since"];
  return card("Routes", all.length === 0 ? el("p", { class: "dim" }, "No routes.") :
    el("table", {}, el("thead", {}, el("tr", {}, titles.map(t => el("th", { scope: "col" }, t)))), el("tbody", {}, all.map(row))));
}

// terms are the summands of a need; mappings that are alike are one.
function terms(all) {
  const like = new Map(), rest = [];
  for (const t of all || []) {
    if (t.what !== "mapping") { rest.push(t); continue; }
    const key = t.shards + "/" + t.factor;
    if (!like.has(key)) like.set(key, { shards: t.shards, factor: t.factor, n: 0, value: 0 });
    const g = like.get(key);
    g.n++;
    g.value += t.value;
  }
  return [...like.values()].map(g => el("li", {}, plural(g.shards, "shard") + " × " + plural(g.n, "mapping") + " × " + g.factor + " = " + g.value))
    .concat(rest.map(t => el("li", {}, t.what + (t.name ? " " + t.name : "") + ": " + t.value, t.until ? " until " : "", clock(t.until))));
}

// meter is drawn with attributes: the page allows no style of its own in line.
function meter(value, most, label) {
  const ns = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(ns, "svg"), fill = document.createElementNS(ns, "rect");
  svg.setAttribute("preserveAspectRatio", "none");
  fill.setAttribute("class", value > most ? "fill over" : "fill");
  fill.setAttribute("height", "100%");
  fill.setAttribute("width", Math.min(100, most > 0 ? 100 * value / most : 100) + "%");
  svg.append(fill);
  return el("div", { class: "meter", role: "meter", "aria-valuenow": value, "aria-valuemin": 0, "aria-valuemax": most, "aria-label": label }, svg);
}

function functions(status) {
  return (status.functions || []).map(f => {
    const unset = f.reserved === null || f.reserved === undefined, short = !unset && f.reserved < f.need;
    return card("Function " + f.name,
      el("p", { class: "sum" }, el("strong", {}, String(f.need)), " needed, ", el("strong", {}, unset ? "nothing" : String(f.reserved)), " reserved ",
        short ? word(f.need - f.reserved + " short", "bad") : ""),
      unset ? null : meter(f.need, f.reserved, "Concurrency needed of what is reserved"),
      el("ul", { class: "terms" }, terms(f.terms)));
  });
}

function streams(status) {
  const budget = 5; // reads a second and shard
  return (status.streams || []).map(s => card("Stream " + s.name,
    el("p", { class: "sum" }, el("strong", {}, String(s.openShards)), " " + (s.openShards === 1 ? "shard" : "shards"), s.closedShards ? ", and " + s.closedShards + " closed " : " ",
      word(s.status, s.status === "ACTIVE" ? "good" : "warn")),
    meter(s.standardReaders, budget, "Standard readers of five reads a second"),
    el("p", { class: "note" }, s.standardReaders + " of " + budget + " reads a second and shard" + (s.otherReaders ? " (" + s.otherReaders + " not ours)" : "") +
      (s.consumers ? ", " + plural(s.consumers, "fan-out consumer") : "") + ", retention " + span(s.retention / 1e9))));
}

function planned(plan) {
  const all = (plan && plan.changes) || [];
  return card("Current plan", all.length === 0 ? el("p", { class: "dim" }, "Nothing to change.") :
    el("ul", { class: "items" }, all.map(c => el("li", {}, el("strong", {}, c.action + " " + c.kind + " " + c.address), note(c.reason), note(c.effect && "events: " + c.effect)))));
}

function passes(place) {
  const all = place.passes || [];
  const one = p => {
    const said = [word(p.outcome, looks[p.outcome]), p.changes.length ? plural(p.changes.length, "change") : "", p.held ? ", " + p.held + " held" : ""];
    const head = [clock(p.at), " ", ...said, el("span", { class: "dim" }, " (" + p.trigger + "), " + p.seconds.toFixed(p.seconds < 10 ? 1 : 0) + " s")];
    if (!p.changes.length && !p.error) return el("li", {}, head);
    return el("li", {}, el("details", { id: "pass " + place.name + p.at }, el("summary", {}, head), note(p.error),
      el("ul", { class: "terms" }, p.changes.map(c => el("li", {}, c.action + " " + c.kind + " " + c.address + " ", word(c.stage || "not begun", c.stage === "settled" ? "good" : "warn"), note(c.error))))));
  };
  const next = place.running ? el("p", { class: "note" }, "A pass is being made since ", clock(place.running.at), ".")
    : place.next ? el("p", { class: "note" }, "Next at ", clock(place.next.at), " (" + place.next.trigger + ").") : null;
  return card("Last passes", el("ul", { class: "items" }, all.map(one)), next);
}

function findings(all) {
  if (!all || !all.length) return null;
  const order = { error: 0, warning: 1, info: 2 };
  const sorted = [...all].sort((a, b) => (order[a.severity] ?? 3) - (order[b.severity] ?? 3));
  return card("Findings", el("ul", { class: "items" }, sorted.map(f => el("li", {}, word(f.severity, looks[f.severity]), " ", el("code", {}, f.code),
    note(f.message), note([f.file && f.file + (f.line ? ":" + f.line : ""), f.path].filter(Boolean).join(": "))))));
}

function place(p) {
  const status = p.status || {}, plan = p.plan || {};
  return el("article", { class: "place", "aria-label": p.name },
    el("div", { class: "head" }, el("h2", {}, p.name), el("p", {}, status.account ? "account " + status.account : "")),
    conditions(p.conditions),
    failing(p.failing), held(plan), p.status ? routes(status) : card("Routes", el("p", { class: "dim" }, "No pass has looked yet.")),
    el("div", { class: "cards" }, functions(status), streams(status)),
    el("div", { class: "cards" }, planned(plan), passes(p)),
    findings(status.findings));
}

function trouble(documents) {
  const t = documents && documents.trouble;
  if (!t) return null;
  return card("The newest documents are not in force", el("p", {}, t.message), findings(t.findings));
}

function draw(s) {
  byId("process").textContent = ["owner " + s.owner, s.dryRun ? "dry run: nothing is written" : "", s.documents.commit ? "commit " + s.documents.commit.slice(0, 12) : ""]
    .filter(Boolean).join(" · ");
  const main = byId("main"), open = new Set([...main.querySelectorAll("details[open]")].map(d => d.id));
  const focus = document.activeElement && main.contains(document.activeElement) ? document.activeElement.closest("details") : null;
  const names = s.places.map(p => p.name);
  main.replaceChildren(...[trouble(s.documents), ...s.places.map(place), names.length ? null : el("p", { class: "dim" }, "No documents are in force.")].filter(Boolean));
  for (const d of main.querySelectorAll("details")) d.open = open.has(d.id);
  if (focus) [...main.querySelectorAll("details")].filter(d => d.id === focus.id).forEach(d => d.querySelector("summary").focus());
  const bad = s.places.some(p => (p.conditions || []).some(c => (c.type === "Degraded") === c.status && c.type !== "Paused" && c.type !== "Degraded" || c.type === "Degraded" && c.status));
  document.title = (bad ? "! " : "") + "eventrouting";
}

function freshness() {
  const fresh = byId("fresh"), alert = byId("alert");
  fresh.className = failedSince ? "stale" : "";
  if (failedSince) {
    alert.textContent = "The controller cannot be reached since " + failedSince.toLocaleTimeString() +
      (last ? ". What is shown is of " + new Date(last).toLocaleTimeString() + "." : ".");
    fresh.textContent = "not updated";
  } else if (last) {
    fresh.textContent = "up to date at " + new Date(last).toLocaleTimeString();
  }
  alert.hidden = !failedSince;
}

async function update() {
  try {
    const answer = await fetch("/api/v1/status", { cache: "no-store", signal: AbortSignal.timeout(patience) });
    if (!answer.ok) throw new Error(String(answer.status));
    const s = await answer.json();
    last = s.at;
    failedSince = null;
    const text = JSON.stringify({ ...s, at: null });
    if (text !== shown) {
      draw(s);
      shown = text;
    }
  } catch {
    failedSince = failedSince || new Date();
  }
  freshness();
}

async function loop() {
  await update();
  setTimeout(loop, document.hidden ? 5 * every : every);
}

byId("reconcile").addEventListener("submit", async event => {
  event.preventDefault();
  const said = byId("said"), token = byId("token").value.trim();
  sessionStorage.setItem("token", token);
  said.textContent = "asking…";
  try {
    const answer = await fetch("/reconcile", { method: "POST", headers: { Authorization: "Bearer " + token }, signal: AbortSignal.timeout(patience) });
    if (answer.status === 401) {
      sessionStorage.removeItem("token");
      said.textContent = "That is not the token of this controller.";
      return;
    }
    said.textContent = answer.status === 202 ? "Passes are on their way." : (await answer.text()).trim();
  } catch {
    said.textContent = "The controller cannot be reached.";
  }
  update();
});
byId("token").value = sessionStorage.getItem("token") || "";
document.addEventListener("visibilitychange", () => { if (!document.hidden) update(); });
loop();
