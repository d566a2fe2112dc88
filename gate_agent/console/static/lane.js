// One lane: portraits, decision, control.

import { fill } from "./fill.js";
import { follow, onKey, post } from "./follow.js";

const root = document.querySelector("[data-lane]");
const number = root.dataset.lane;
const decision = document.getElementById("decision");
const control = document.getElementById("control");
const outcome = document.getElementById("outcome");
const SETTLE_MS = 700; // a new referral cannot be decided by a click meant for the one before
const PICTURE_MS = 600; // a picture that is not there is asked for less and less often, up to
const NO_PICTURE_MS = 10_000; // this, until the lane reports something new
let ticket = Number(decision.elements.ticket.value);
let settledAt = 0;
let board = null;

function say(text, tone) {
  outcome.textContent = text;
  outcome.dataset.tone = tone;
}

class Portrait {
  constructor(kind) {
    this.kind = kind;
    this.image = document.getElementById(kind);
    this.ticket = 0;
    this.busy = false;
    this.hope();
  }

  hope() {
    this.pause = PICTURE_MS;
    this.askAt = 0;
  }

  clear() {
    this.ticket = 0;
    this.image.hidden = true;
    this.image.removeAttribute("src");
  }

  load(wanted) {
    if (this.busy || performance.now() < this.askAt) return;
    this.busy = true;
    const next = new Image();
    next.addEventListener("load", () => {
      this.busy = false;
      this.hope();
      if (wanted !== ticket) return;
      this.image.src = next.src;
      this.image.hidden = false;
      this.ticket = wanted;
    });
    next.addEventListener("error", () => {
      this.busy = false;
      this.askAt = performance.now() + this.pause;
      this.pause = Math.min(2 * this.pause, NO_PICTURE_MS);
    });
    next.src = `/lane/${number}/picture/${this.kind}?ticket=${wanted}&at=${Date.now()}`;
  }
}

const live = new Portrait("live");
const chip = new Portrait("chip");

function refresh() {
  if (!board || !board.ticket || !board.pictures) return;
  if (chip.ticket !== board.ticket) chip.load(board.ticket);
  if (board.live || live.ticket !== board.ticket) live.load(board.ticket);
}

setInterval(refresh, PICTURE_MS);

function show(next) {
  const changed = next.ticket !== ticket;
  board = next;
  if (changed) {
    ticket = next.ticket;
    live.clear();
    chip.clear();
    if (ticket) say("", "grey");
  }
  fill(root, next);
  if (changed) {
    settledAt = performance.now() + SETTLE_MS;
    for (const radio of decision.querySelectorAll("input[type=radio]")) radio.checked = false;
  }
  live.hope();
  chip.hope();
  refresh();
}

async function send(fields) {
  say("Sending...", "grey");
  try {
    const response = await post(`/lane/${number}/action`, fields);
    const answer = await response.json();
    say(answer.text, answer.ok ? "green" : "red");
  } catch {
    say("The console does not answer. Look at the lane before trying again.", "red");
  }
}

decision.addEventListener("submit", (event) => {
  event.preventDefault();
  if (performance.now() < settledAt || !board || !board.decidable) return;
  const reason = decision.querySelector("input[type=radio]:checked");
  if (!event.submitter || !reason) return;
  send({
    action: event.submitter.value,
    reason: reason.value,
    ticket: decision.elements.ticket.value,
    evidence: decision.elements.evidence.value,
  });
});

control.addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.submitter) send({ action: event.submitter.value });
});

const keys = { a: "accept", r: "reject", o: "open_lane", c: "close_lane", k: "acknowledge", l: "release" };

onKey((event) => {
  if (event.key === "b") {
    location.assign("/");
  } else if (/^[1-9]$/.test(event.key)) {
    const radio = decision.querySelectorAll("input[type=radio]")[Number(event.key) - 1];
    if (radio && !radio.closest("fieldset").disabled) radio.click();
  } else if (event.key in keys) {
    const button = document.querySelector(`button[value="${keys[event.key]}"]`);
    if (!button.closest("fieldset")?.disabled) button.click();
  }
});

follow(`/events?lane=${number}`, show);
