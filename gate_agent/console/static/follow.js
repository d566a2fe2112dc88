// Follows the console's stream, answers its beats, and handles what all officers' pages share.

import { fill, setClock } from "./fill.js";

const csrf = document.body.dataset.csrf;
const link = document.getElementById("link");
const shortcuts = document.getElementById("shortcuts");
const SILENT_MS = 7_000; // three beats and a little
let active = true;
let receivedMs = performance.now();

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

function noteReceived() {
  receivedMs = performance.now();
  document.body.classList.remove("lost");
  say("Connected", "green");
}

// What is on the page is from before: nothing of it may look as if it were so now.
function lost() {
  document.body.classList.add("lost");
  say("Console lost: this page shows the past. Look at the lanes.", "red");
}

export async function post(path, fields) {
  const response = await fetch(path, {
    method: "POST",
    headers: { Accept: "application/json" },
    body: new URLSearchParams({ csrf, ...fields }),
  });
  if (response.status === 401) location.assign("/signin?ended");
  return response;
}

async function beat() {
  const fields = active ? { active: "1" } : {};
  active = false;
  try {
    await post("/presence", fields);
  } catch {
    lost();
  }
}

export function follow(path, onLane) {
  const source = new EventSource(path);
  source.addEventListener("open", noteReceived);
  source.addEventListener("error", () => {
    lost();
    // a stream that was refused is not tried again by the browser
    if (source.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 3000);
  });
  setInterval(() => { if (performance.now() - receivedMs > SILENT_MS) lost(); }, 1000);
  source.addEventListener("beat", (event) => {
    noteReceived();
    setClock(JSON.parse(event.data).utc_ms);
    beat();
  });
  source.addEventListener("lane", (event) => onLane(JSON.parse(event.data)));
  source.addEventListener("queue", (event) => {
    const queue = JSON.parse(event.data);
    for (const list of document.querySelectorAll('[data-list="queue"]')) {
      fill(list.parentElement, { queue });
    }
    document.title = document.title.replace(/^(\(\d+\) )?/, queue.length ? `(${queue.length}) ` : "");
  });
  source.addEventListener("signed_out", () => {
    source.close();
    location.assign("/signin?ended");
  });
  addEventListener("pagehide", () => source.close());
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
