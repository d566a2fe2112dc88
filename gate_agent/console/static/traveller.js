// The traveller's display: a scene, a sentence per language, a hint.

const body = document.body;
const guide = document.getElementById("guide");
const progress = document.getElementById("progress");

function setText(selector, text) {
  const element = document.querySelector(selector);
  if (element && element.textContent !== text) element.textContent = text;
}

function show(view) {
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

// A browser allows few connections to one host: a display that nobody sees gives its own back.
function follow() {
  if (source) source.close();
  source = null;
  if (document.hidden) return;
  const stream = new EventSource(`/lane/${body.dataset.lane}/traveller/events`);
  stream.addEventListener("display", (event) => show(JSON.parse(event.data)));
  stream.addEventListener("error", () => {
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 3000);
  });
  source = stream;
}

document.addEventListener("visibilitychange", follow);
addEventListener("pagehide", () => source?.close());
follow();
