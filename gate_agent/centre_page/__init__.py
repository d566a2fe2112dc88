"""The central system's read-only page: gates, lag and alarms, behind a sign-in."""
