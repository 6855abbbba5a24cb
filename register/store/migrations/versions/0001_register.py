"""The register: facts, personal data apart, ban register, messages, outbox, offsets."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = """
create table event_key (
    source text not null,
    event_id text not null,
    body_digest bytea not null,
    primary key (source, event_id)
);
comment on table event_key is
    'Every event that was ever taken in or refused (R1)';

create table event_conflict (
    source text not null,
    event_id text not null,
    body_digest bytea not null,
    primary key (source, event_id, body_digest)
);
comment on table event_conflict is
    'Other bodies that came under a known (source, id) (R1)';

create table fact (
    fact_id uuid primary key,
    identity bytea,
    source text not null,
    event_id text not null,
    type text not null,
    time timestamptz not null,
    received timestamptz not null,
    body jsonb not null,
    points bytea[] not null,
    point_kinds text[] not null,
    names bytea[] not null,
    contacts bytea[] not null
);
create index fact_identity on fact (identity);
create index fact_correction on fact (identity) where type = 'rectification.requested';
comment on table fact is
    'Immutable events, without personal data; identities and contact points are digests';

create table fact_party (
    fact_id uuid primary key references fact on delete cascade,
    subject text,
    party jsonb not null
);
comment on table fact_party is
    'The personal data that facts brought; deleted when it may no longer be held';

create table identity (
    identity bytea primary key,
    person_id uuid not null,
    source text,
    subject text
) with (fillfactor = 90);
create index identity_person on identity (person_id);
comment on table identity is
    'Channel identities by digest, and whose they are; named only while the person is present';

create table match_key (
    match_key bytea not null,
    identity bytea not null,
    primary key (match_key, identity)
);
create index match_key_identity on match_key (identity);
comment on table match_key is
    'Digests of name and contact point that make two identities one person (R50)';

create table identity_point (
    digest bytea not null,
    identity bytea not null,
    kind text not null,
    primary key (digest, identity)
);
create index identity_point_identity on identity_point (identity);
comment on table identity_point is
    'Which identity ever named which contact point or company, by digest (R8)';

create table ban_entry (
    digest bytea not null,
    fact_id uuid not null,
    kind text not null,
    is_lift boolean not null,
    reason text not null,
    collection boolean not null,
    since timestamptz not null,
    placed_by bytea,
    scope jsonb not null,
    derived_by bytea,
    primary key (digest, fact_id)
);
create index ban_entry_placed_by on ban_entry (placed_by);
comment on table ban_entry is
    'The ban register: bans and lifts under digests (R7 to R9, R24)';

create table ban_digest (
    digest bytea primary key,
    kind text not null,
    version integer not null,
    content bytea,
    message jsonb
) with (fillfactor = 80);
comment on table ban_digest is
    'Last ban-register message per digest; content is null after a tombstone';

create table customer (
    person_id uuid primary key,
    version integer not null,
    content bytea,
    audience text,
    message jsonb,
    cause jsonb,
    alias_of uuid,
    found_by bytea,
    points bytea[],
    exact_email bytea,
    consented_products jsonb,
    former_since timestamptz,
    disclosable boolean not null default false
) with (fillfactor = 70);
create index customer_former on customer (former_since) where former_since is not null;
create index customer_disclosable on customer (person_id) where disclosable;
create index customer_alias on customer (alias_of) where alias_of is not null;
comment on table customer is
    'Last eligibility message per customer id; content and message are null after a tombstone';

create table catalogue (
    product text not null,
    category text not null,
    primary key (product, category)
);
comment on table catalogue is
    'Products and their groups, as orders have shown them';

create table agreement_fact (
    fact_id uuid primary key,
    source text not null,
    event_id text not null,
    type text not null,
    time timestamptz not null,
    received timestamptz not null,
    body jsonb not null
);
comment on table agreement_fact is
    'Agreements with partners, signed and ended (R33, R34, R63)';

create table request (
    source text not null,
    event_id text not null,
    request_id text not null,
    type text not null,
    received timestamptz not null,
    due timestamptz not null,
    closed timestamptz,
    reason text,
    primary key (source, event_id)
);
create index request_open on request (due) where closed is null;
comment on table request is
    'Requests of data subjects and customer service, with their due dates (R60 to R64)';

create table disclosure_job (
    job_id uuid primary key,
    source text not null,
    event_id text not null,
    request_id text not null,
    recipient text not null,
    partner_id text,
    selection jsonb not null,
    received timestamptz not null,
    traceparent text,
    parts integer not null,
    next_part integer not null default 1
);
comment on table disclosure_job is
    'Disclosures under way, a part at a time (R63, R64)';

create table disclosure_candidate (
    job_id uuid not null references disclosure_job on delete cascade,
    part integer not null,
    person_id uuid not null,
    primary key (job_id, part, person_id)
);

create table disclosure (
    ledger_id uuid primary key,
    person_id uuid not null,
    request_id text not null,
    recipient text not null,
    partner_id text,
    disclosed timestamptz not null,
    name jsonb,
    address jsonb,
    recalled timestamptz,
    recall_reason text
);
create index disclosure_person on disclosure (person_id);
comment on table disclosure is
    'The disclosure ledger: who was handed to whom (S29); name and address go with a recall';

create table sweep (
    name text primary key,
    position uuid,
    cause jsonb not null
);
comment on table sweep is
    'Customers still to be decided anew, in order of id, after something that concerns all';

create table outbox (
    seq bigint generated always as identity primary key,
    topic text not null,
    key bytea,
    value bytea,
    headers bytea not null,
    caused_received timestamptz,
    caused_by_no boolean not null,
    created timestamptz not null default clock_timestamp()
);
comment on table outbox is
    'Messages committed and not yet acknowledged by Kafka';

create table dead_letter (
    topic text not null,
    partition integer not null,
    "offset" bigint not null,
    reason text not null,
    created timestamptz not null default clock_timestamp(),
    primary key (topic, partition, "offset")
);
comment on table dead_letter is
    'Records that became dead letters, so that each becomes exactly one';

create table consumer_offset (
    topic text not null,
    partition integer not null,
    next_offset bigint not null,
    primary key (topic, partition)
) with (fillfactor = 50);
comment on table consumer_offset is
    'Where each partition goes on; written with what came before';
"""


def upgrade() -> None:
    """Make the tables of an empty register."""
    for statement in _TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
