"""The report of a run: one HTML file that needs no other file."""

from spin_train.report.page import write_report

__all__ = ["write_report"]
