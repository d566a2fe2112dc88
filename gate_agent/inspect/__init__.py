"""Inspection of one document outside a crossing: its chip, its files, its report."""
