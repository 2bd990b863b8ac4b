"""The test of a heatmap for readers: sentences and tables in `panel.py`, data files in `data_files.py`."""
