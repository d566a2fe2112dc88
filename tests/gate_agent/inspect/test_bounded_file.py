"""Files from the command line: none is too large, none waits for ever."""

import os

import pytest

from gate_agent.inspect import bounded_file
from gate_agent.inspect.bounded_file import TooLarge, read_bounded


def test_whole_files_up_to_the_limit(tmp_path):
    file = tmp_path / "file"
    for size in (0, 1, 99, 100):
        file.write_bytes(bytes(size))
        assert read_bounded(file, 100) == bytes(size)
    file.write_bytes(bytes(101))
    with pytest.raises(TooLarge):
        read_bounded(file, 100)


def test_what_never_ends_is_too_large(tmp_path):
    with pytest.raises(TooLarge):
        read_bounded(type(tmp_path)("/dev/zero"), 1_000)


def test_folders_and_absent_files_name_themselves(tmp_path):
    with pytest.raises(IsADirectoryError) as folder:
        read_bounded(tmp_path, 100)
    assert folder.value.filename == str(tmp_path)
    with pytest.raises(FileNotFoundError, match="absent"):
        read_bounded(tmp_path / "absent", 100)


def test_pipes_are_read_while_they_give(tmp_path, monkeypatch):
    monkeypatch.setattr(bounded_file, "PIPE_WAIT_S", 0.01)
    out, into = os.pipe()
    os.write(into, b"content")
    os.close(into)
    assert read_bounded(type(tmp_path)(f"/dev/fd/{out}"), 100) == b"content"
    os.close(out)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(TimeoutError, match="gives nothing"):
        read_bounded(pipe, 100)
