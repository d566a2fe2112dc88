// The bank of lanes.

import { fill } from "./fill.js";
import { follow, onKey } from "./follow.js";

const cards = new Map();
for (const card of document.querySelectorAll("[data-lane]")) cards.set(card.dataset.lane, card);

follow("/now", (board) => {
  const card = cards.get(String(board.lane));
  if (card) fill(card, board);
});

onKey((event) => {
  const card = cards.get(event.key);
  if (card) card.querySelector("a.number").click();
});
