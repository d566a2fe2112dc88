// A worker of its own for each page: asks the console for the state of now, again and again. A
// browser slows down the timers of hidden pages, but not those of their workers.

const TIMEOUT_MS = 2_000;
let path = "";
let pauseMs = 300;
let version = "";

async function ask() {
  const control = new AbortController();
  const timer = setTimeout(() => control.abort(), TIMEOUT_MS);
  try {
    const joint = path.includes("?") ? "&" : "?";
    const response = await fetch(`${path}${joint}seen=${version}`, { signal: control.signal });
    if (response.status === 401) {
      postMessage({ ended: true });
    } else if (!response.ok) {
      postMessage({ lost: true });
    } else {
      const answer = await response.json();
      version = answer.version;
      postMessage(answer);
    }
  } catch {
    postMessage({ lost: true });
  } finally {
    clearTimeout(timer);
    setTimeout(ask, pauseMs);
  }
}

addEventListener("message", (event) => {
  const first = !path;
  path = event.data.path;
  pauseMs = event.data.pauseMs;
  if (first) ask();
});
