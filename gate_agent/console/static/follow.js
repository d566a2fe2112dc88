// Follows the console by short requests, says whether it answers, and handles what all officers'
// pages share.

import { fill, setClock } from "./fill.js";

const csrf = document.body.dataset.csrf;
const link = document.getElementById("link");
const shortcuts = document.getElementById("shortcuts");
const evacuation = document.getElementById("evacuation");
const announcement = document.getElementById("announcement");
const VISIBLE_MS = 300; // between two requests
const HIDDEN_MS = 1_000;
const SILENT_MS = 3_000;
const BEAT_MS = 2_000;
let active = true;
let receivedMs = performance.now();
let beatMs = 0;
let silent = [];
let waiting = null; // what was in the queue, to announce what is new

for (const kind of ["pointerdown", "keydown", "pointermove"]) {
  addEventListener(kind, () => { active = true; }, { passive: true });
}

shortcuts.checked = localStorage.getItem("shortcuts") !== "off";
shortcuts.addEventListener("change", () => {
  localStorage.setItem("shortcuts", shortcuts.checked ? "on" : "off");
});

function say(text, tone) {
  if (link.textContent !== text) link.textContent = text;
  link.dataset.tone = tone;
}

// "Connected" is said of lanes: each answered the console's last beat.
function connected() {
  document.body.classList.remove("lost");
  if (silent.length === 0) say("Connected", "green");
  else if (silent.length === 1) say(`Lane ${silent[0]} does not answer`, "red");
  else say(`Lanes ${silent.join(", ")} do not answer`, "red");
}

// What is on the page is from before: nothing of it may look as if it were so now.
function lost() {
  document.body.classList.add("lost");
  say("Console lost: this page shows the past. Look at the lanes.", "red");
}

export async function post(path, fields, timeoutMs) {
  const control = new AbortController();
  const timer = setTimeout(() => control.abort(), timeoutMs);
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { Accept: "application/json" },
      body: new URLSearchParams({ csrf, ...fields }),
      signal: control.signal,
    });
    if (response.status === 401) location.assign("/signin?ended");
    return { ok: response.ok, body: await response.text() };
  } finally {
    clearTimeout(timer);
  }
}

// An officer is present where a page answers: this one just did.
async function beat() {
  if (performance.now() - beatMs < BEAT_MS) return;
  beatMs = performance.now();
  const fields = active ? { active: "1" } : {};
  active = false;
  try {
    await post("/presence", fields, SILENT_MS);
  } catch {
    lost();
  }
}

function showQueue(queue) {
  for (const list of document.querySelectorAll('[data-list="queue"]')) {
    fill(list.parentElement, { queue });
  }
  document.title = document.title.replace(/^(\(\d+\) )?/, queue.length ? `(${queue.length}) ` : "");
  const key = (row) => `${row.kind} ${row.label} ${row.reasons_text}`;
  const news = waiting === null ? [] : queue.filter((row) => !waiting.has(key(row)));
  waiting = new Set(queue.map(key));
  if (news.length) {
    announcement.textContent = news.map((row) => `${row.label}: ${row.reasons_text}`).join(". ");
  }
}

function show(state, onLane) {
  silent = state.silent;
  for (const board of state.lanes) onLane(board);
  showQueue(state.queue);
  if (evacuation.textContent !== state.evacuation) evacuation.textContent = state.evacuation;
  evacuation.hidden = !state.evacuation;
}

export function follow(path, onLane) {
  const worker = new Worker("/static/ask.js");
  const pace = () => {
    worker.postMessage({ path, pauseMs: document.hidden ? HIDDEN_MS : VISIBLE_MS });
  };
  worker.addEventListener("message", ({ data }) => {
    if (data.ended) {
      worker.terminate();
      location.assign("/signin?ended");
    } else if (data.lost) {
      lost();
    } else {
      receivedMs = performance.now();
      setClock(data.utc_ms);
      if (data.state) show(data.state, onLane);
      connected();
      beat();
    }
  });
  setInterval(() => { if (performance.now() - receivedMs > SILENT_MS) lost(); }, 500);
  document.addEventListener("visibilitychange", pace);
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  pace();
}

export function onKey(handle) {
  addEventListener("keydown", (event) => {
    const typing = event.target.matches("input:not([type=radio]):not([type=checkbox]), textarea, select");
    if (!shortcuts.checked || typing || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "n") {
      const links = [...document.querySelectorAll(".queue a")];
      const next = links.find((a) => a.pathname !== location.pathname) ?? links[0];
      if (next) next.click();
    } else {
      handle(event);
    }
  });
}
