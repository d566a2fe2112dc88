#!/bin/sh
# All tests in two halves at the same time, each in an order of its own: what computes works on
# what processors are left over (nice) beside what keeps real time, and mostly waits. What is
# named, with pytest's own options, is run as it is.
set -u
pytest=".venv/bin/python -m pytest"
if [ $# -gt 0 ]; then
    exec $pytest "$@"
fi

computing="tests/gate_agent/core tests/sim tests/drivers tests/biometrics tests/fuzz
    tests/firmware_cfg tests/mutation"
real_processes="tests/sim/live tests/sim/chaos"
realtime="live or browser"
apart=$(printf ' --ignore=%s' $real_processes)
log=$(mktemp)
# shellcheck disable=SC2086
nice -n 10 $pytest $computing $apart -m "not ($realtime)" >"$log" 2>&1 &
beside=$!
trap 'kill $beside; wait $beside; cat "$log"; rm -f "$log"; exit 130' INT TERM

good=0
# shellcheck disable=SC2086
$pytest tests/gate_agent tests/sync $real_processes tests/test_*.py \
    --ignore=tests/gate_agent/core || good=1
# shellcheck disable=SC2086
$pytest $computing $apart -m "$realtime" || good=1
wait $beside || good=1
cat "$log"
rm -f "$log"
exit $good
