// Follows the console's stream, answers its beats, and handles what all officers' pages share.

import { fill, setClock } from "./fill.js";

const csrf = document.body.dataset.csrf;
const link = document.getElementById("link");
const shortcuts = document.getElementById("shortcuts");
let active = true;

for (const kind of ["pointerdown", "keydown", "pointermove"]) {
  addEventListener(kind, () => { active = true; }, { passive: true });
}

shortcuts.checked = localStorage.getItem("shortcuts") !== "off";
shortcuts.addEventListener("change", () => {
  localStorage.setItem("shortcuts", shortcuts.checked ? "on" : "off");
});

function say(text, tone) {
  link.textContent = text;
  link.dataset.tone = tone;
}

export async function post(path, fields) {
  const response = await fetch(path, {
    method: "POST",
    headers: { Accept: "application/json" },
    body: new URLSearchParams({ csrf, ...fields }),
  });
  if (response.status === 401) location.assign("/signin");
  return response;
}

async function beat() {
  const fields = active ? { active: "1" } : {};
  active = false;
  try {
    await post("/presence", fields);
  } catch {
    say("Console lost", "red");
  }
}

export function follow(path, onLane) {
  const source = new EventSource(path);
  source.addEventListener("open", () => say("Connected", "green"));
  source.addEventListener("error", () => {
    say("Console lost", "red");
    // a stream that was refused is not tried again by the browser
    if (source.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 3000);
  });
  source.addEventListener("beat", (event) => {
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
    location.assign("/signin");
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
