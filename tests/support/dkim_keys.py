"""Pairs of keys for DKIM, made for one run of a test, with what the DNS says of them."""

import base64
import os
import subprocess
import tempfile


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


class Keys:
    """One pair of each kind, made for this run."""

    def __init__(self):
        self.rsa = openssl("genrsa", "-traditional", "2048")
        with tempfile.NamedTemporaryFile() as file:
            file.write(self.rsa)
            file.flush()
            public = openssl("rsa", "-in", file.name, "-pubout", "-outform", "DER")
        self.rsa_record = "v=DKIM1; k=rsa; p=" + base64.b64encode(public).decode()
        seed = os.urandom(32)
        from nacl.signing import SigningKey  # pylint: disable=import-outside-toplevel
        self.ed25519 = base64.b64encode(seed)
        self.ed25519_record = "v=DKIM1; k=ed25519; p=" + base64.b64encode(bytes(SigningKey(seed).verify_key)).decode()

    def pair(self, algorithm):
        return (self.rsa, self.rsa_record) if algorithm.startswith("rsa") else (self.ed25519, self.ed25519_record)

    def ed25519_pem(self):
        # RFC 8410 section 7: what stands before the 32 bytes is always the same.
        der = bytes.fromhex("302e020100300506032b657004220420") + base64.b64decode(self.ed25519)
        return b"-----BEGIN PRIVATE KEY-----\n" + base64.b64encode(der) + b"\n-----END PRIVATE KEY-----\n"
