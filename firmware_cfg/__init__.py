"""Configuration as data: device profiles, sites and gates, and their schema."""
