#!/bin/sh
# All tests in two halves at the same time, each in an order of its own: what computes works on
# what processors are left over (nice) beside what keeps real time, and mostly waits. What is
# named, with pytest's own options, is run as it is.
set -u
pytest=".venv/bin/python -m pytest"
if [ $# -gt 0 ]; then
    exec $pytest "$@"
fi

computing="tests/core tests/sim tests/drivers tests/biometrics tests/fuzz tests/firmware_cfg"
realtime="live or browser"
log=$(mktemp)
nice -n 10 $pytest $computing -m "not ($realtime)" >"$log" 2>&1 &
beside=$!
trap 'kill $beside; wait $beside; cat "$log"; rm -f "$log"; exit 130' INT TERM

good=0
$pytest tests $(printf ' --ignore=%s' $computing) || good=1
$pytest $computing -m "$realtime" || good=1
wait $beside || good=1
cat "$log"
rm -f "$log"
exit $good
