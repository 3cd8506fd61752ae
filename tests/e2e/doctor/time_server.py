"""Tells the time (SNTP, RFC 4330): ``python time_server.py ADDRESS PORT AHEAD``.

AHEAD: seconds by which it is ahead of this machine's clock. A process of its own, because it runs
in another network namespace than the test.
"""

import socket
import struct
import sys
import time

SINCE_1900 = 2_208_988_800


def main() -> None:
    address, port, ahead = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, port))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            question, peer = server.recvfrom(512)
            now = time.time() + SINCE_1900 + ahead
            sent = struct.pack("!II", int(now), int(now % 1 * 2**32))
            # version 4, a server's answer; stratum 1; what it does not tell is zero
            server.sendto(bytes([0x24, 1]) + bytes(22) + question[40:48] + sent + sent, peer)


if __name__ == "__main__":
    main()
