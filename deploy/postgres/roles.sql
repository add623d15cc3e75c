-- Run once by the postgres image when its volume is empty: a role and a database for each, entered by nobody else. Passwords come
-- from files, so none is an argument of a process or in an environment.
\set netbox_password `cat "${EDGEWRIGHT_POSTGRES_SECRETS:-/run/secrets}/postgres-netbox-password"`
\set temporal_password `cat "${EDGEWRIGHT_POSTGRES_SECRETS:-/run/secrets}/postgres-temporal-password"`
\set owner_password `cat "${EDGEWRIGHT_POSTGRES_SECRETS:-/run/secrets}/postgres-edgewright-password"`
\set app_password `cat "${EDGEWRIGHT_POSTGRES_SECRETS:-/run/secrets}/postgres-edgewright-app-password"`

CREATE ROLE netbox LOGIN PASSWORD :'netbox_password';
CREATE ROLE temporal LOGIN PASSWORD :'temporal_password';
-- Owns the product's tables; only `edgewright bootstrap` signs in as this one.
CREATE ROLE edgewright LOGIN PASSWORD :'owner_password';
-- The product runs as this one; what it may do with which table, the migrations say.
CREATE ROLE edgewright_app LOGIN PASSWORD :'app_password';

CREATE DATABASE netbox OWNER netbox;
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
CREATE DATABASE edgewright OWNER edgewright;

REVOKE CONNECT ON DATABASE netbox, temporal, temporal_visibility, edgewright FROM PUBLIC;
GRANT CONNECT ON DATABASE edgewright TO edgewright_app;
