// The traveller's display: a scene, a sentence per language, a hint.

const body = document.body;
const guide = document.getElementById("guide");
const progress = document.getElementById("progress");

function setText(selector, text) {
  const element = document.querySelector(selector);
  if (element && element.textContent !== text) element.textContent = text;
}

// A traveller may choose another language; it is theirs alone, and forgotten after them.
const CHOICE_MS = 60_000;
const SITE_LANGUAGES = [...body.dataset.siteLanguages.split(" ")];
let chosen = "";
let forget = 0;
let last = null;

function pair(view) {
  if (!chosen) return view.languages;
  return [chosen, chosen === SITE_LANGUAGES[1] ? SITE_LANGUAGES[0] : SITE_LANGUAGES[1]];
}

function speak([first, second]) {
  document.documentElement.lang = first;
  for (const element of document.querySelectorAll("[data-sentence], [data-hint]")) {
    element.hidden = ![first, second].includes(element.lang);
    element.toggleAttribute("data-first", element.lang === first);
  }
  for (const button of document.querySelectorAll("[data-choose]")) {
    button.setAttribute("aria-pressed", String(button.dataset.choose === first));
  }
}

function choose(code) {
  chosen = code;
  clearTimeout(forget);
  if (code) forget = setTimeout(unlessCrossing, CHOICE_MS);
  if (last) speak(pair(last));
}

function unlessCrossing() {
  if (!last || last.progress <= 1) choose("");
}

for (const button of document.querySelectorAll("[data-choose]")) {
  button.addEventListener("click", () => choose(button.dataset.choose));
}

function show(view) {
  if (chosen && last && view.progress === 1 && last.progress !== 1) choose("");
  last = view;
  speak(pair(view));
  body.dataset.scene = view.scene;
  for (const drawing of document.querySelectorAll("[data-drawing]")) {
    drawing.toggleAttribute("hidden", drawing.dataset.drawing !== view.scene);
  }
  for (const [code, text] of Object.entries(view.text)) setText(`[data-sentence="${code}"]`, text);
  for (const [code, text] of Object.entries(view.hint ?? {})) setText(`[data-hint="${code}"]`, text);
  guide.hidden = !view.hint;
  guide.dataset.guidance = view.guidance;
  progress.dataset.now = view.progress;
  document.getElementById("demo").hidden = !view.demo;
}

const VISIBLE_MS = 300; // between two requests
const HIDDEN_MS = 2_000;
const SILENT_MS = 7_000;
let receivedMs = performance.now();

// Without the console no officer watches and the lane serves no traveller: the last picture must not
// stay. A traveller in the lane waits for the officer; during an evacuation people leave.
function unlessHeard() {
  if (document.hidden || performance.now() - receivedMs < SILENT_MS) return;
  const scene = body.dataset.scene;
  const lost = JSON.parse(body.dataset.lost);
  if (scene !== "evacuate") show(["document", "closed"].includes(scene) ? lost.closed : lost.officer);
}

setInterval(unlessHeard, 1000);

function follow() {
  const worker = new Worker("/static/ask.js");
  const path = `/lane/${body.dataset.lane}/traveller/now`;
  const pace = () => {
    receivedMs = Math.max(receivedMs, document.hidden ? 0 : performance.now() - HIDDEN_MS);
    worker.postMessage({ path, pauseMs: document.hidden ? HIDDEN_MS : VISIBLE_MS });
  };
  worker.addEventListener("message", ({ data }) => {
    if (data.ended) {
      worker.terminate();
      setTimeout(() => location.reload(), 3000);
    } else if (!data.lost) {
      receivedMs = performance.now();
      if (data.state) current = data.state.display;
      if (data.state || last !== current) show(current);
    }
  });
  document.addEventListener("visibilitychange", pace);
  pace();
}

let current = null; // what the console last said; `last` may be what stands in for it
follow();
