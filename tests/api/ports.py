"""Ports for listeners that must have one before they listen, or have the same again after a restart. They lie below those that the
system gives to whoever connects or binds to any (ip_local_port_range): between the look and the listening nobody gets them by
chance. Each is drawn, so that two tests at once hardly try the same."""
import secrets
import socket


def free_ports(count):
    """So many in a row."""
    while True:
        first, sockets = 20000 + secrets.randbelow(12000), []
        try:
            for port in range(first, first + count):
                sockets.append(socket.socket())
                sockets[-1].bind(("127.0.0.1", port))
            return list(range(first, first + count))
        except OSError:
            continue
        finally:
            for s in sockets:
                s.close()


def free_port():
    return free_ports(1)[0]


if __name__ == "__main__":
    import sys
    print(*free_ports(int(sys.argv[1]) if len(sys.argv) > 1 else 1))
