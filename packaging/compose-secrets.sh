#!/bin/sh
# Makes what compose.yaml needs in ./secrets and ./.env, once:
#     ./compose-secrets.sh https://auth.example.com
# The address is where clients reach Doorward, and the issuer of every token. Keep a copy of
# secrets/master.key in another place: without it the database is of no use.
set -eu
umask 077
cd "$(dirname "$0")"
case ${1:-} in
  https://?*) ;;
  *)
    echo "usage: $0 https://auth.example.com     (where clients reach it)" >&2
    exit 2
    ;;
esac
if [ -e secrets ]; then
  echo "secrets is there already: nothing is done" >&2
  exit 1
fi
work=$(mktemp -d ./secrets.XXXXXX)
trap 'rm -rf "$work"' EXIT
openssl rand -hex 32 > "$work/master.key"
openssl rand -hex 16 > "$work/health.secret"
password=$(openssl rand -hex 24)
printf '%s' "$password" > "$work/database.password"
printf 'postgres://doorward:%s@database/doorward?sslmode=verify-full&sslrootcert=/run/secrets/database_ca\n' \
  "$password" > "$work/database.url"
curve="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
openssl req -x509 $curve -days 3650 -subj "/CN=Doorward database CA" -addext "basicConstraints=critical,CA:TRUE" \
  -keyout "$work/ca.key" -out "$work/database-ca.crt" 2> /dev/null
openssl req $curve -subj "/CN=database" -keyout "$work/database.key" -out "$work/database.csr" 2> /dev/null
printf 'subjectAltName=DNS:database\nextendedKeyUsage=serverAuth\n' > "$work/database.ext"
openssl x509 -req -in "$work/database.csr" -CA "$work/database-ca.crt" -CAkey "$work/ca.key" -CAcreateserial \
  -days 3650 -extfile "$work/database.ext" -out "$work/database.crt" 2> /dev/null
# The authority has signed once, and never again.
rm "$work/ca.key" "$work/database.csr" "$work/database.ext" "$work"/*.srl
# The program runs as whoever owns what it reads, and never as root.
uid=$(id -u) gid=$(id -g)
if [ "$uid" = 0 ]; then
  uid=65532 gid=65532
  chown "$uid:$gid" "$work/master.key" "$work/health.secret" "$work/database.url" "$work/database-ca.crt"
fi
# In a checkout the image is built from the source, in the directory of a release from its program.
program=release
if [ -e ../Cargo.toml ]; then program=source; fi
printf 'DOORWARD_PUBLIC_URL=%s\nDOORWARD_UID=%s\nDOORWARD_GID=%s\nDOORWARD_PROGRAM=%s\n' \
  "$1" "$uid" "$gid" "$program" > .env
mv "$work" secrets
trap - EXIT
echo "made secrets and .env; keep a copy of secrets/master.key in another place"
