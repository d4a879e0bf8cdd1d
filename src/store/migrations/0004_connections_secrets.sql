-- Downstream systems and secrets that are given over the API, and the roles of API keys.

-- One sequence for both, so that a thing that was deleted and made again never has an old version.
create sequence setting_version;

create table connection (
  tenant_id  text not null,
  name       text not null,
  kind       text not null,
  settings   json not null,
  -- The kind of task whose default it is: at most one per tenant and kind.
  default_of text,
  version    bigint not null default nextval('setting_version'),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  updated_by text not null,
  primary key (tenant_id, name)
);
create unique index connection_default on connection (tenant_id, default_of) where default_of is not null;

-- AES-256-GCM twice: the value under a key of its own, that key under the master key, which is not in this database.
-- Both are bound to tenant, name and version. Each field of bytes is nonce, ciphertext, tag.
create table secret (
  tenant_id  text not null,
  name       text not null,
  version    bigint not null,
  -- Which master key wrapped the data key: a fingerprint of it.
  key_id     text not null,
  wrapped_key bytea not null,
  ciphertext bytea not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  updated_by text not null,
  primary key (tenant_id, name)
);

-- A role is looked up when a key is used; a key without one has the scopes it was created with.
alter table api_key add column role text
  check (role in ('viewer', 'operator', 'approver', 'editor', 'admin'));
