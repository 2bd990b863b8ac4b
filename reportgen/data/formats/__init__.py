"""The formats of files that hold rows or texts: CSV, JSON, Parquet, folders of text, and what is none of these."""
