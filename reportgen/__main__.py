"""The command `reportgen`, also as `python -m reportgen`, which Ctrl-C ends without a traceback from the beginning."""

import signal

# subtle: imports take a while, and an interrupt there would be a traceback; where it is ignored (nohup), it stays so
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from reportgen.cli import script

if __name__ == "__main__":
    script()
