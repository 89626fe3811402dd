#!/bin/sh
# Run once by the PostgreSQL image, when its volume is empty.
set -eu
psql -U "$POSTGRES_USER" -d postgres -v database=soke \
    -v owner=soke_owner -v owner_password="$SOKE_OWNER_PASSWORD" -v role=soke -v password="$SOKE_DATABASE_PASSWORD" \
    -f /deploy/roles.sql
