// Fills a page's marked elements with plain data. Data go into text nodes, never into markup.

let offsetMs = Number(document.body.dataset.now || Date.now()) - Date.now();

export function setClock(utcMs) {
  offsetMs = utcMs - Date.now();
}

function own(root, name) {
  const found = [...root.querySelectorAll(`[${name}]`)].filter((element) => {
    const list = element.parentElement.closest("[data-list]");
    return !list || list === root || !root.contains(list);
  });
  return root.hasAttribute && root.hasAttribute(name) ? [root, ...found] : found;
}

function each(root, name, data, apply) {
  for (const element of own(root, name)) {
    const key = element.getAttribute(name);
    if (key in data) apply(element, data[key]);
  }
}

function fillList(list, rows) {
  const shown = JSON.stringify(rows ?? []);
  if (list.dataset.shown === shown) return;
  list.dataset.shown = shown;
  const template = list.querySelector("template");
  for (const child of [...list.children]) if (child !== template) child.remove();
  for (const row of rows ?? []) {
    const item = template.content.firstElementChild.cloneNode(true);
    fill(item, row);
    list.append(item);
  }
}

function setText(element, value) {
  const text = String(value);
  if (element.textContent !== text) element.textContent = text;
}

export function fill(root, data) {
  each(root, "data-list", data, fillList);
  each(root, "data-text", data, setText);
  each(root, "data-tone-from", data, (element, value) => { element.dataset.tone = value; });
  each(root, "data-value", data, (element, value) => { element.value = value; });
  each(root, "data-hide", data, (element, value) => { element.hidden = Boolean(value); });
  each(root, "data-enabled", data, (element, value) => { element.disabled = !value; });
  each(root, "data-progress", data, (element, value) => { element.dataset.done = value; });
  each(root, "data-svg-width", data, (element, value) => element.setAttribute("width", value));
  each(root, "data-svg-x", data, (element, value) => element.setAttribute("x", value));
  each(root, "data-href", data, (element, value) => element.setAttribute("href", value));
  each(root, "data-zone-from", data, (element, value) => { element.dataset.zone = value; });
  each(root, "data-since", data, (element, value) => { element.dataset.epoch = value; });
  tick();
}

// Date and time by the clock of the gate's place, which is not this computer's own.
function atGate(now, zone) {
  try {
    const parts = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit",
      hour: "2-digit", minute: "2-digit", hourCycle: "h23",
    }).formatToParts(now);
    const part = Object.fromEntries(parts.map(({ type, value }) => [type, value]));
    return `${part.year}-${part.month}-${part.day} ${part.hour}:${part.minute} ${zone}`;
  } catch { // a zone that this browser does not know
    return `${new Date(now).toISOString().slice(0, 16).replace("T", " ")} UTC`;
  }
}

export function tick() {
  const now = Date.now() + offsetMs;
  for (const element of document.querySelectorAll("time[data-zone]")) {
    setText(element, element.dataset.zone ? atGate(now, element.dataset.zone) : "");
  }
  for (const element of document.querySelectorAll("time[data-epoch]")) {
    const known = Number(element.dataset.epoch) > 0;
    (element.closest(".for, .ago") ?? element).hidden = !known;
    const seconds = Math.max(0, Math.floor((now - Number(element.dataset.epoch)) / 1000));
    const parts = [Math.floor(seconds / 60) % 60, seconds % 60];
    if (seconds >= 3600) parts.unshift(Math.floor(seconds / 3600));
    setText(element, parts.map((part, place) => (place ? String(part).padStart(2, "0") : part)).join(":"));
  }
}

setInterval(tick, 1000);
tick();
