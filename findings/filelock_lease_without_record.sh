#!/bin/sh
# filelock 4.2.12, SoftFileLease: a lease whose owner was killed before it wrote its record never expires.
#
# Expected: "a contender takes the marker once it has seen no refresh for lease_duration seconds" (docstring of
# SoftFileLease), so an owner that was killed at any moment loses its lease after that time.
# Seen: if the owner is killed after the file exists and before its record is written, the file is empty, and every
# contender ends with Timeout, however long it waits: here 5 s with a lease of 1 s. After a whole record, it is taken.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "filelock==4.2.12"
cat > "$folder/try.py" <<'PY'
import os
import signal
import sys
import time

import filelock

path, lease = sys.argv[1], {"lease_duration": 1.0, "heartbeat_interval": 0.2}


def killed(*, before_the_record):
    """Take the lease in a child process that is killed; whether the record was written."""
    child = os.fork()
    if child == 0:
        if before_the_record:
            os.write = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        lock = filelock.SoftFileLease(path, **lease)
        lock.acquire()
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    return os.stat(path).st_size > 0


def taken():
    try:
        began = time.monotonic()
        with filelock.SoftFileLease(path, timeout=5, **lease):
            return True, time.monotonic() - began
    except filelock.Timeout:
        return False, time.monotonic() - began


assert killed(before_the_record=False), "expected a record"
with_record = taken()
assert not killed(before_the_record=True), "expected an empty file"
without = taken()
print(f"filelock {filelock.__version__}: with a record taken {with_record[0]} after {with_record[1]:.1f} s, "
      f"without one taken {without[0]} after {without[1]:.1f} s")
assert with_record[0]
assert not without[0]
PY
"$folder/venv/bin/python" "$folder/try.py" "$folder/lease"
