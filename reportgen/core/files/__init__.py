"""What is read from a disk and written to it: regular files of a known size, whole or not at all."""
