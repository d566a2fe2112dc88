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
const PICTURE_TIMEOUT_MS = 2_000;
const ANSWER_MS = 5_000; // the console itself waits 3 s for the lane
let ticket = Number(decision.elements.ticket.value);
let settledAt = 0;
let board = null;
let sending = false;
let taken = ""; // ticket and evidence of the decision that the lane took: a second click is none
let open = null; // the decision that is not confirmed: it may be given again, and is done once

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

  // Tabs take turns, so that pictures never use up the few connections of a browser.
  load(wanted) {
    if (this.busy || document.hidden || performance.now() < this.askAt) return;
    this.busy = true;
    const ask = () => this.ask(wanted);
    const name = `picture ${this.kind}`;
    const turn = navigator.locks
      ? navigator.locks.request(name, { ifAvailable: true }, (lock) => (lock ? ask() : undefined))
      : ask();
    turn.finally(() => { this.busy = false; });
  }

  ask(wanted) {
    const next = new Image();
    const shown = new Promise((resolve) => {
      setTimeout(() => resolve(false), PICTURE_TIMEOUT_MS);
      next.addEventListener("load", () => resolve(true));
      next.addEventListener("error", () => resolve(false));
    });
    next.src = `/lane/${number}/picture/${this.kind}?ticket=${wanted}&at=${Date.now()}`;
    return shown.then((loaded) => (loaded ? this.take(next, wanted) : this.missed(next)));
  }

  take(next, wanted) {
    this.hope();
    if (wanted !== ticket) return;
    this.image.src = next.src;
    this.image.hidden = false;
    this.ticket = wanted;
  }

  missed(next) {
    next.removeAttribute("src"); // ends a request that was not answered
    this.askAt = performance.now() + this.pause;
    this.pause = Math.min(2 * this.pause, NO_PICTURE_MS);
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

function choose(reason) {
  for (const radio of decision.querySelectorAll("input[type=radio]")) {
    if (radio.value === reason) radio.checked = true;
  }
}

function show(next) {
  const changed = next.ticket !== ticket;
  board = next;
  if (changed) {
    ticket = next.ticket;
    live.clear();
    chip.clear();
    if (ticket && ticket !== open?.ticket) say("", "grey");
  }
  const chosen = decision.querySelector("input[type=radio]:checked")?.value;
  fill(root, next);
  if (!changed && chosen) choose(chosen); // a list that was filled again lost it
  if (next.noteless) control.elements.note.value = "";
  if (changed) {
    settledAt = performance.now() + SETTLE_MS;
    for (const radio of decision.querySelectorAll("input[type=radio]")) radio.checked = false;
  }
  live.hope();
  chip.hope();
  refresh();
}

function nonceOf(fields) {
  const key = JSON.stringify(fields);
  if (open?.key !== key) {
    const random = crypto.getRandomValues(new Uint8Array(16));
    const nonce = [...random].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    open = { key, nonce, ticket: Number(fields.ticket ?? 0) };
  }
  return open.nonce;
}

async function send(fields) {
  if (sending) return;
  sending = true;
  say("Sending...", "grey");
  try {
    const response = await post(`/lane/${number}/action`, { ...fields, nonce: nonceOf(fields) }, ANSWER_MS);
    const answer = JSON.parse(response.body);
    if (!answer.unanswered) open = null;
    if (answer.ok && fields.evidence) taken = `${fields.ticket} ${fields.evidence}`;
    say(answer.text, answer.ok ? "green" : "red");
  } catch {
    say("Not confirmed: the console does not answer. Look at the lane, then give it again.", "red");
  } finally {
    sending = false;
  }
}

decision.addEventListener("submit", (event) => {
  event.preventDefault();
  if (performance.now() < settledAt || !board || !board.decidable) return;
  const reason = decision.querySelector("input[type=radio]:checked");
  const seen = { ticket: decision.elements.ticket.value, evidence: decision.elements.evidence.value };
  if (!event.submitter || !reason || taken === `${seen.ticket} ${seen.evidence}`) return;
  send({ action: event.submitter.value, reason: reason.value, ...seen });
});

control.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!event.submitter) return;
  const action = event.submitter.value;
  send({ action, note: action === "acknowledge" ? control.elements.note.value : "" });
});

control.elements.note.addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  control.querySelector("button[value=acknowledge]").click();
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

follow(`/now?lane=${number}`, show);
