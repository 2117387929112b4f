"""A TLS server and a client in Python over PEM files that certlet wrote: both show their certificate and check the other's."""
import socket
import ssl
import sys
import threading

server_files, client_files, authority = sys.argv[1].split(","), sys.argv[2].split(","), sys.argv[3]

listening = socket.create_server(("127.0.0.1", 0))
listening.settimeout(20)


def serve():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority)
    context.load_cert_chain(*server_files)
    context.verify_mode = ssl.CERT_REQUIRED
    connection, _ = listening.accept()
    with context.wrap_socket(connection, server_side=True) as stream:
        stream.recv(1)
        names = [value for kind, value in stream.getpeercert()["subjectAltName"] if kind == "DNS"]
        stream.sendall(names[0].encode())


thread = threading.Thread(target=serve, daemon=True)
thread.start()
context = ssl.create_default_context(cafile=authority)
context.load_cert_chain(*client_files)
with socket.create_connection(listening.getsockname(), timeout=20) as plain:
    with context.wrap_socket(plain, server_hostname="localhost") as stream:
        stream.sendall(b"?")
        print(stream.recv(100).decode(), stream.version())
thread.join(20)
