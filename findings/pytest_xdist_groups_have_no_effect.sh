#!/bin/sh
# pytest-xdist 3.8.0 with pytest 9.2.0: --dist loadgroup sends the tests of one xdist_group to different workers.
#
# Expected: "sends tests marked with 'xdist_group' to the same worker" (pytest --help), as with pytest 9.1.1.
# Seen: each worker writes the group behind the id, into item._nodeid; pytest 9.2 makes item.nodeid of item._id. So no
# id has a group, every test is a group of its own, and six tests of one group run on both of two workers. No message.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/test_group.py" <<'PY'
import time

import pytest

pytestmark = pytest.mark.xdist_group("one")


@pytest.mark.parametrize("n", range(6))
def test_of_the_group(n, worker_id, request):
    time.sleep(0.2)  # so that one worker could not run all of them before the other has begun
    with open(f"workers-{pytest.__version__}.txt", "a") as told:
        told.write(f"{worker_id} {request.node.nodeid}\n")
PY
for version in 9.1.1 9.2.0; do
  python3 -m venv "$folder/$version"
  "$folder/$version/bin/pip" install -q --disable-pip-version-check "pytest==$version" "pytest-xdist==3.8.0"
  (cd "$folder" && "$version/bin/python" -m pytest -q -n 2 --dist loadgroup -p no:cacheprovider test_group.py >/dev/null)
  workers=$(cut -d' ' -f1 "$folder/workers-$version.txt" | sort -u | wc -l)
  named=$(grep -c '@one$' "$folder/workers-$version.txt" || true)
  echo "pytest $version: 6 tests of one group ran on $workers worker(s); $named of their ids name the group"
  case $version in
    9.1.1) [ "$workers" -eq 1 ] && [ "$named" -eq 6 ] ;;
    9.2.0) [ "$workers" -eq 2 ] && [ "$named" -eq 0 ] ;;
  esac
done
