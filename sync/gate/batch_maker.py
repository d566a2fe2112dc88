"""Batches of one journal, ready for the broker: sealed for the centre, signed by the gate."""

from __future__ import annotations

from collections.abc import Callable

from sync.gate.journal_reader import Outgoing
from sync.gate.types import Fetch, Publish
from sync.log.encoding import seal_batch
from sync.log.hpke import SealingKey
from sync.log.keys import SigningKey
from sync.log.notes import Checkpoint, origin_of, sign_checkpoint
from sync.log.topics import live_topic, records_topic
from sync.log.types import Batch


class BatchMaker:
    """Makes the batches of one journal."""

    def __init__(
        self,
        place: tuple[str, str],
        topic_prefix: str,
        key: SigningKey,
        centre: SealingKey,
        random: Callable[[int], bytes],
    ) -> None:
        """Prepare the topics.

        Args:
            place: the gate's name and the journal's epoch.
            topic_prefix: what the topics of this site begin with.
            key: the gate's key, which signs batches and checkpoints.
            centre: the central system's key, for which contents are sealed.
            random: source of the seals' keys.
        """
        self._gate, self._epoch = place
        self._origin = origin_of(*place)
        self._key = key
        self._centre = centre
        self._random = random
        self._topics = {
            False: records_topic(topic_prefix, self._gate),
            True: live_topic(topic_prefix, self._gate),
        }

    def make(self, fetch: Fetch, outgoing: Outgoing) -> Publish:
        """Make a batch of what was read, with the gate's note about its log up to there."""
        reached = fetch.after_seq + len(outgoing.contents.items)
        checkpoint = Checkpoint(self._origin, reached, outgoing.root)
        batch = Batch(
            gate=self._gate,
            epoch=self._epoch,
            first_seq=fetch.after_seq + 1,
            sealed=b"",
            checkpoint=sign_checkpoint(checkpoint, self._key),
        )
        payload = seal_batch(batch, outgoing.contents, self._key, self._centre, self._random)
        return Publish(self._topics[fetch.live], payload)
