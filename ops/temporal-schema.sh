#!/bin/sh
# Temporal's two databases: made when missing, brought to this version's schema when older. Safe to run again: the
# tool keeps what is there. The password is taken from SQL_PASSWORD.
set -eu

prepare() {
  database=$1
  schema=$2
  for step in create-database "setup-schema --version 0.0" "update-schema --schema-name $schema"; do
    # shellcheck disable=SC2086 # a step is a command and its flags
    temporal-sql-tool --plugin "$DB" --endpoint "$POSTGRES_SEEDS" --port "$DB_PORT" --user "$POSTGRES_USER" \
      --database "$database" $step
  done
}

prepare temporal postgresql/v12/temporal
prepare temporal_visibility postgresql/v12/visibility
