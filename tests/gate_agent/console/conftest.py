"""Fixtures of the console's tests."""

from __future__ import annotations

import pytest
from console_house import Client, House, Stream


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path)
    yield house
    house.close()


@pytest.fixture
def follow():
    streams: list[Stream] = []

    def open_stream(client: Client, path: str) -> Stream:
        streams.append(Stream(client, path))
        return streams[-1]

    yield open_stream
    for stream in streams:
        stream.close()
