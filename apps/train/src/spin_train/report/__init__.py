"""The report of a run: one HTML file that needs nothing else."""

from spin_train.report.findings import Findings, find_out
from spin_train.report.page import write_report

__all__ = ["Findings", "find_out", "write_report"]
