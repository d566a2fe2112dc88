"""Framing of local sockets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.types import DeviceId, DeviceReady
from gate_agent.lane_api.channel import (
    MAX_FRAME_BYTES,
    ChannelError,
    FrameReader,
    FromWorker,
    WorkerFrame,
    WorkerHello,
    encode,
)


def test_one_byte_at_a_time_gives_the_same_messages():
    sent = [
        WorkerHello(device="reader"),
        FromWorker(event=DeviceReady(device=DeviceId.READER), payload={"h": b"\0\1"}),
    ]
    stream = b"".join(encode(message) for message in sent)
    reader: FrameReader = FrameReader(WorkerFrame)
    got = [message for byte in stream for message in reader.feed(bytes([byte]))]
    assert got == sent


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_only_the_channels_error(data):
    reader: FrameReader = FrameReader(WorkerFrame)
    try:
        list(reader.feed(data))
    except ChannelError as error:
        assert error.diagnosis


def test_an_announced_giant_is_refused_before_it_is_read():
    reader: FrameReader = FrameReader(WorkerFrame)
    with pytest.raises(ChannelError, match="announced"):
        list(reader.feed((MAX_FRAME_BYTES + 1).to_bytes(4, "big")))
