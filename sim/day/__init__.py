"""A scenario from start to result: run, judge, count, report."""
