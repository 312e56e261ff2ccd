# SPDX-License-Identifier: Apache-2.0
"""Self-signed certificates for servers under test."""
import ssl
import subprocess

from .ports import PATIENCE


def make_certificate(directory, name="localhost", days=2):
    """[certificate, key], PEM files, self-signed, for 127.0.0.1."""
    certificate, key = directory / f"{name}.pem", directory / f"{name}.key"
    done = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", str(days),
                           "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
                          capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return certificate, key


def server_context(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
