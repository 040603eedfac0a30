#!/bin/sh
# Runs once, when the database cluster is made: a role and a database for Sluice, another for Temporal, neither of
# which can read the other's. Temporal makes its databases by itself, so its role may.
set -eu
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres \
  --set sluice_password="$SLUICE_DB_PASSWORD" --set temporal_password="$TEMPORAL_DB_PASSWORD" <<'SQL'
create role sluice login password :'sluice_password';
create database sluice owner sluice;
revoke connect on database sluice from public;
create role temporal login createdb password :'temporal_password';
SQL
