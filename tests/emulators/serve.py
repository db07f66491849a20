"""Runs one emulator on a loopback port and leaves when standard input closes, that is, when the
test process is gone, however it went.

    serve.py moto|ministack PORT
"""

import os
import sys
import threading


def leave_with_parent():
    sys.stdin.buffer.read()
    os._exit(0)


def main():
    emulator, port = sys.argv[1:]
    threading.Thread(target=leave_with_parent, daemon=True).start()
    sys.argv = [emulator]
    if emulator == "moto":
        from moto.server import main as serve

        serve(["-H", "127.0.0.1", "-p", port])
    else:
        os.environ.update(BIND_HOST="127.0.0.1", GATEWAY_PORT=port)
        from ministack.app import main as serve

        serve()


main()
