"""Tasks in parallel: all of them run, and a fault comes back from either thread."""

import threading

import pytest

from biometrics.errors import ModelRefused
from gate_agent import live
from gate_agent.workers.parallel_tasks import in_parallel


def test_the_first_runs_here_and_the_others_in_one_helper():
    run = in_parallel(live.spawn)
    threads: list[int] = []
    both = threading.Barrier(2, timeout=20)

    def task(*, meet: bool = False):
        def body():
            threads.append(threading.get_ident())
            if meet:
                both.wait()

        return body

    for _ in range(20):
        threads.clear()
        run([task(meet=True), task(meet=True), task()])
        assert len(threads) == 3
        assert threads.count(threading.get_ident()) == 1
        assert len(set(threads)) == 2
    run([task()])


@pytest.mark.parametrize("faulty", [0, 1, 2])
def test_a_fault_is_raised_here_and_the_next_run_is_good(faulty):
    run = in_parallel(live.spawn)

    def bad():
        raise ModelRefused("one: no")

    tasks = [lambda: None] * 3
    with pytest.raises(ModelRefused):
        run([*tasks[:faulty], bad, *tasks[faulty + 1 :]])
    run(tasks)
