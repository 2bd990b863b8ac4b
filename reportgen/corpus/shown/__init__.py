"""Turn the sums of a corpus into charts, tables and sentences, and these into the files of its folder."""
