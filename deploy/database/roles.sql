-- Two roles for psql to make, as a superuser, in the database that the service will use: one owns the tables and
-- migrates, one reads and writes rows. Neither may make databases or roles. Can be run again.
--
--   psql --dbname accessibletrader --set ON_ERROR_STOP=1 \
--     --set owner_password=… --set service_password=… --file deploy/database/roles.sql

SELECT format('CREATE ROLE %I', name)
FROM unnest(ARRAY['accessibletrader_owner', 'accessibletrader']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec

ALTER ROLE accessibletrader_owner
    LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'owner_password';
ALTER ROLE accessibletrader
    LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'service_password';

-- Only a superuser may add the extension; where it is not installed, the service makes plain tables.
SELECT 'CREATE EXTENSION IF NOT EXISTS timescaledb'
WHERE EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')
\gexec

SELECT format('ALTER DATABASE %I OWNER TO accessibletrader_owner', current_database())
\gexec
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database())
\gexec
SELECT format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO accessibletrader', current_database())
\gexec

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT CREATE, USAGE ON SCHEMA public TO accessibletrader_owner;
GRANT USAGE ON SCHEMA public TO accessibletrader;

-- What migrations will make is the service's to use, and not to change.
ALTER DEFAULT PRIVILEGES FOR ROLE accessibletrader_owner
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO accessibletrader;
ALTER DEFAULT PRIVILEGES FOR ROLE accessibletrader_owner
    GRANT USAGE, SELECT ON SEQUENCES TO accessibletrader;
ALTER DEFAULT PRIVILEGES FOR ROLE accessibletrader_owner
    GRANT USAGE ON SCHEMAS TO accessibletrader;
