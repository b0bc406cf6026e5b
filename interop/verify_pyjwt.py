"""Verifies an access token with PyJWT, as a customer's backend in Python would.

The token is read from standard input. Prints its claims as JSON and ends with 0, or prints
{"error": CODE} and ends with 1: TOKEN_EXPIRED for a token that is past its life and otherwise
right, TOKEN_INVALID for everything else.
"""

import argparse
import base64
import json
import sys
from pathlib import Path

import jwt

CLOCK_TOLERANCE_SECONDS = 30


def key_for(token: str, arguments: argparse.Namespace):
    if arguments.pem_base64:
        return base64.b64decode(arguments.pem_base64, validate=True)
    if arguments.jwks.startswith(("http://", "https://")):
        return jwt.PyJWKClient(arguments.jwks).get_signing_key_from_jwt(token).key
    key_set = jwt.PyJWKSet.from_dict(json.loads(Path(arguments.jwks).read_text()))
    return key_set[jwt.get_unverified_header(token)["kid"]].key


def verify(token: str, arguments: argparse.Namespace) -> dict:
    claims = jwt.decode(
        token,
        key_for(token, arguments),
        algorithms=["RS256"],
        issuer=arguments.issuer,
        audience=arguments.audience,
        leeway=CLOCK_TOLERANCE_SECONDS,
        options={"require": ["exp", "iat", "iss", "aud", "sub"]},
    )
    if jwt.get_unverified_header(token).get("typ") != "at+jwt":
        raise jwt.InvalidTokenError("not an access token")
    if claims.get("app_id") != arguments.app_id:
        raise jwt.InvalidTokenError("a token of another app")
    return claims


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--jwks", help="file or URL of the key set")
    source.add_argument("--pem-base64", help="JWT_PUBLIC_KEY: the PEM in one line of base64")
    parser.add_argument("--issuer", required=True)
    parser.add_argument("--audience", required=True)
    parser.add_argument("--app-id", required=True)
    arguments = parser.parse_args()
    token = sys.stdin.read().strip()
    try:
        print(json.dumps(verify(token, arguments)))
        return 0
    except jwt.PyJWKClientConnectionError:
        raise  # says nothing about the token
    except jwt.ExpiredSignatureError:
        code, reason = "TOKEN_EXPIRED", "expired"
    except (jwt.PyJWTError, KeyError, ValueError) as error:
        code, reason = "TOKEN_INVALID", f"{type(error).__name__}: {error}"
    print(json.dumps({"error": code}))
    print(reason, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
