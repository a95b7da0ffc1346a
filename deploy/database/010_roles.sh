#!/bin/sh
# Run once by the image of the database, after it has made the database and before anybody can connect.
set -eu
psql --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --no-psqlrc --set ON_ERROR_STOP=1 \
    --set owner_password="$DATABASE_OWNER_PASSWORD" --set service_password="$DATABASE_PASSWORD" \
    --file /roles.sql
