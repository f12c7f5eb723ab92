"""A real Exim that signs what it hands on to a next hop."""

import os
import shutil

from peers.exim import NUMBER, PLACE, Exim

DRIVER = """\
  driver = smtp
  max_rcpt = 1
  hosts_try_chunking =
  hosts_try_dane =
  hosts_avoid_tls = *
  allow_localhost
"""

# For each delivery it starts itself anew, and as a set-user-id program it would not find its libraries: hence a copy that is none, and
# a script that says where they are.
CONFIGURATION = PLACE.replace("queue_only\n", "") + """\
primary_hostname = peer.example
exim_path = {home}/exim
deliver_drop_privilege
acl_smtp_rcpt = accept
smtp_accept_queue_per_connection = 0
begin acl
begin routers
on:
  driver = manualroute
  route_list = * @HOP
  self = send
  transport = @TRANSPORT
begin transports
@TRANSPORTS
begin retry
"""


def signing_exim(hop, transports, keys, transport):
    """Not started. `transports`: name -> options about signing, with braces doubled; {home} holds the keys as `rsa` and `ed25519`.
    `transport`: the name of the one to use, or a text that gives it."""
    text = "".join(f"{name}:\n{DRIVER}{options}\n" for name, options in transports.items())
    text = CONFIGURATION.replace("@TRANSPORTS", text).replace("@TRANSPORT", transport)
    exim = Exim(configuration=text.replace("@HOP", f"{hop.address}::{hop.port}"))
    plain = shutil.copyfile(exim.program, os.path.join(exim.home, "plain"))
    again = os.path.join(exim.home, "exim")
    with open(again, "w", encoding="utf-8") as file:
        file.write(f"#!/bin/sh\nLD_LIBRARY_PATH={exim.environment['LD_LIBRARY_PATH']} exec {plain} \"$@\"\n")
    for path in (plain, again):
        os.chmod(path, 0o755)
    for name, text in (("rsa", keys.rsa), ("ed25519", keys.ed25519_pem())):
        path = os.path.join(exim.home, name)
        with open(path, "wb") as file:
            file.write(text)
        os.chown(path, NUMBER, NUMBER)
    return exim
