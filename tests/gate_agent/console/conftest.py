"""Fixtures of the console's tests."""

from __future__ import annotations

import pytest
from console_bench import Client, ConsoleBench, Stream


@pytest.fixture
def bench(tmp_path):
    bench = ConsoleBench(tmp_path)
    yield bench
    bench.close()


@pytest.fixture
def follow():
    streams: list[Stream] = []

    def open_stream(client: Client, path: str) -> Stream:
        streams.append(Stream(client, path))
        return streams[-1]

    yield open_stream
    for stream in streams:
        stream.close()
