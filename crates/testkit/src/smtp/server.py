"""A mail server for the tests: aiosmtpd, told by its arguments how to protect itself.

Prints one JSON object per line: first {"port": n}, then every message it took, parsed by Python's
own e-mail package. Ends when its standard input does.

The recipient's local part chooses the answer:
  temporary  450 to RCPT       permanent  550 to RCPT, repeating the address
  late       451 after DATA    stuck      no answer to DATA
"""

import argparse
import asyncio
import email
import email.policy
import email.utils
import json
import logging
import ssl
import sys
from email.header import decode_header, make_header

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


def say(value):
    print(json.dumps(value), flush=True)


def from_header(content):
    """The From header, its encoded words decoded as RFC 2047 §6.2 says.

    The parser of `email.policy.default` keeps the white space between the encoded words of a
    display name (also of one that Python itself encoded), so it cannot judge long names.
    """
    raw = email.message_from_bytes(content)["From"]
    name, address = email.utils.parseaddr(raw.replace("\r\n", ""))
    return [str(make_header(decode_header(name))), address]


def subject_header(content):
    """The Subject header as a client decodes it, line breaks that were encoded included."""
    raw = email.message_from_bytes(content)["Subject"]
    return str(make_header(decode_header(raw.replace("\r\n", ""))))


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        local = address.partition("@")[0]
        if local == "temporary":
            return f"450 4.2.1 <{address}> mailbox busy"
        if local == "permanent":
            return f"550 5.1.1 <{address}>: no such user"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        local = envelope.rcpt_tos[0].partition("@")[0]
        if local == "late":
            return "451 4.3.0 try again later"
        if local == "stuck":
            await asyncio.sleep(3600)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = {
            part.get_content_type(): part.get_content().replace("\r\n", "\n")
            for part in message.walk()
            if not part.is_multipart()
        }
        say(
            {
                "mail_from": envelope.mail_from,
                "rcpt_tos": envelope.rcpt_tos,
                "smtp_utf8": envelope.smtp_utf8,
                "headers": [[name, str(value)] for name, value in message.items()],
                "raw": envelope.content.decode("latin-1"),
                "parts": parts,
                "defects": [repr(defect) for defect in message.defects],
                "tls": server.transport.get_extra_info("ssl_object") is not None,
                "login": session.auth_data,
                "peer": session.peer[1],
                "hello": session.host_name,
                "from": from_header(envelope.content),
                "subject": subject_header(envelope.content),
            }
        )
        return "250 2.0.0 Ok: queued as 4F1C5A2"


def authenticator(user, password):
    def check(server, session, envelope, mechanism, data):
        assert isinstance(data, LoginPassword)
        right = data.login == user.encode() and data.password == password.encode()
        return AuthResult(success=right, handled=False, auth_data=user if right else None)

    return check


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tls", choices=["none", "starttls", "implicit"], default="none")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--user")
    parser.add_argument("--password")
    arguments = parser.parse_args()
    # Handshakes and sessions that break off are what the tests want; no need to tell.
    for name in ("mail.log", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)

    options = {"enable_SMTPUTF8": True, "hostname": "mail.test"}
    context = None
    if arguments.tls != "none":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(arguments.cert, arguments.key)
    if arguments.tls == "starttls":
        options.update(tls_context=context, require_starttls=True)
    if arguments.user:
        options.update(
            authenticator=authenticator(arguments.user, arguments.password),
            auth_required=True,
            auth_require_tls=arguments.tls == "starttls",
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(Handler(), **options),
        host="127.0.0.1",
        port=0,
        ssl=context if arguments.tls == "implicit" else None,
    )
    say({"port": server.sockets[0].getsockname()[1]})
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


asyncio.run(main())
