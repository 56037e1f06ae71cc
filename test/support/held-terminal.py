"""Runs a program in a pseudo-terminal whose other end stops reading, then asks it to end.

Prints the exit code (negative: by that signal), and whether the terminal's modes are what they were.
"""
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time

END_S = 10

ours, theirs = pty.openpty()


def resize(rows, columns):
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


resize(50, 200)
before = termios.tcgetattr(theirs)[:4]
program = subprocess.Popen(
    sys.argv[1:],
    stdin=theirs,
    stdout=theirs,
    stderr=theirs,
    start_new_session=True,
    preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
)
seen = b""
while b"\x1b[?2026l" not in seen:
    seen += os.read(ours, 65536)
# From here on nobody reads; every new size is a whole screen to draw.
for turn in range(20):
    resize(50 - turn % 5, 200 - turn % 7)
    time.sleep(0.02)
program.send_signal(signal.SIGTERM)
try:
    program.wait(END_S)
except subprocess.TimeoutExpired:
    program.kill()
    program.wait()
print(program.returncode, termios.tcgetattr(theirs)[:4] == before)
