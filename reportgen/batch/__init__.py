"""Many reports: choose the rows, make the reports, keep the outcomes."""
