#!/bin/sh
# Run once by the postgres image on an empty data volume (docker-compose.yml): the role and
# database of the register, as ops/stack/postgres/server.py makes them without Docker.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$REGISTER_DB_PASSWORD" --username postgres <<'SQL'
CREATE ROLE register LOGIN PASSWORD :'password';
CREATE DATABASE register OWNER register;
SQL
