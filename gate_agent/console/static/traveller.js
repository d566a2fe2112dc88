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

let source = null;
let receivedMs = performance.now();
const SILENT_MS = 7_000; // three beats and a little

// Without the console no officer watches and the lane serves no traveller: the last picture must not
// stay. A traveller in the lane waits for the officer; during an evacuation people leave.
function unlessHeard() {
  if (document.hidden || performance.now() - receivedMs < SILENT_MS) return;
  const scene = body.dataset.scene;
  const lost = JSON.parse(body.dataset.lost);
  if (scene !== "evacuate") show(["document", "closed"].includes(scene) ? lost.closed : lost.officer);
}

setInterval(unlessHeard, 1000);

// A browser allows few connections to one host: a hidden display closes its own.
function follow() {
  if (source) source.close();
  source = null;
  if (document.hidden) return;
  const stream = new EventSource(`/lane/${body.dataset.lane}/traveller/events`);
  receivedMs = performance.now();
  for (const kind of ["display", "beat"]) {
    stream.addEventListener(kind, () => { receivedMs = performance.now(); });
  }
  stream.addEventListener("display", (event) => show(JSON.parse(event.data)));
  stream.addEventListener("error", () => {
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 3000);
  });
  source = stream;
}

document.addEventListener("visibilitychange", follow);
addEventListener("pagehide", () => source?.close());
follow();
