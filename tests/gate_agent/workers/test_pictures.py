"""A caller that asks for a picture gets one answer, also when vision goes away."""

import threading

from gate_agent.workers.pictures import MAX_WAITING, Pictures


def test_an_answer_goes_once_to_the_caller_that_asked():
    pictures, got = Pictures(), []
    one, two = (
        pictures.ask(lambda j: got.append((1, j))),
        pictures.ask(lambda j: got.append((2, j))),
    )
    pictures.answer(two, b"b")
    pictures.answer(one, b"a")
    pictures.answer(one, b"again")
    pictures.answer(99, b"never asked")
    assert got == [(2, b"b"), (1, b"a")]


def test_a_vision_that_goes_away_owes_no_one():
    pictures, got = Pictures(), []
    number = pictures.ask(got.append)
    pictures.give_up()
    pictures.answer(number, b"late")
    assert got == [b""]


def test_the_oldest_makes_room():
    pictures, got = Pictures(), []
    pictures.ask(lambda _: got.append("oldest"))
    for _ in range(MAX_WAITING):
        pictures.ask(lambda _: got.append("younger"))
    assert got == ["oldest"]


def test_two_threads_do_not_trip_over_each_other():
    pictures, got = Pictures(), []

    def answer():
        for number in range(1, 20_001):
            pictures.answer(number, b"x")

    other = threading.Thread(target=answer)
    other.start()
    for _ in range(20_000):
        pictures.ask(got.append)
    other.join()
    pictures.give_up()
    assert len(got) == 20_000
