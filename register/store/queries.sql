-- Every statement of the service, by name. $n are parameters; arrays are the rows of a batch.

-- name: lock
-- Take transaction locks in the order given (the caller sorts, so that no two batches deadlock).
select pg_advisory_xact_lock(key) from unnest($1::bigint[]) as key;

-- name: insert_event_keys
-- R1: remember (source, id); returns only the ones that are new.
insert into event_key (source, event_id, body_digest)
select * from unnest($1::text[], $2::text[], $3::bytea[])
on conflict do nothing
returning source, event_id;

-- name: event_bodies
-- Body digests of events known before, to tell a duplicate from a conflict.
select k.source, k.event_id, k.body_digest
from unnest($1::text[], $2::text[]) as asked (source, event_id)
join event_key k using (source, event_id);

-- name: insert_event_conflicts
-- R1: remember another body under a known (source, id); returns only the ones that are new.
insert into event_conflict (source, event_id, body_digest)
select * from unnest($1::text[], $2::text[], $3::bytea[])
on conflict do nothing
returning source, event_id, body_digest;

-- name: identities
-- Identities by digest.
select identity, person_id from identity where identity = any($1::bytea[]);

-- name: match_keys
-- Identities known under match keys, with their persons (R50).
select m.match_key, m.identity, i.person_id
from match_key m join identity i using (identity)
where m.match_key = any($1::bytea[]);

-- name: members
-- Every identity of the persons.
select identity, person_id, source, subject from identity where person_id = any($1::uuid[]);

-- name: placed_digests
-- Digests under which the identities placed bans or lifts.
select distinct digest, placed_by from ban_entry where placed_by = any($1::bytea[]);

-- name: contact_points
-- Contact points that the identities ever named; companies are left out.
select distinct digest from identity_point
where identity = any($1::bytea[]) and kind <> 'company';

-- name: point_digests
-- Everything that the identities ever named.
select distinct digest from identity_point where identity = any($1::bytea[]);

-- name: point_users
-- Persons who ever named one of the contact points or companies (R8, R9).
select distinct i.person_id
from identity_point p join identity i using (identity)
where p.digest = any($1::bytea[]);

-- name: facts
-- Facts of the identities, with the personal data that is still held.
select f.fact_id, f.identity, f.source, f.event_id, f.type, f.time, f.received, f.body,
       f.points, f.point_kinds, p.party
from fact f left join fact_party p using (fact_id)
where f.identity = any($1::bytea[]);

-- name: ban_entries
-- What is written in the ban register under digests.
select digest, kind, fact_id, is_lift, reason, collection, since, placed_by, scope, derived
from ban_entry where digest = any($1::bytea[]);

-- name: ban_digests
-- Last message per digest of the ban register.
select digest, kind, version, content from ban_digest where digest = any($1::bytea[]);

-- name: customers
-- Last message per customer id.
select person_id, version, content, alias_of from customer where person_id = any($1::uuid[]);

-- name: upsert_identities
-- Point identities to their persons; names are held only while the person is present.
insert into identity (identity, person_id, source, subject)
select * from unnest($1::bytea[], $2::uuid[], $3::text[], $4::text[])
on conflict (identity) do update
set person_id = excluded.person_id, source = excluded.source, subject = excluded.subject;

-- name: insert_match_keys
-- R50: what makes two identities one person.
insert into match_key (match_key, identity)
select * from unnest($1::bytea[], $2::bytea[]) on conflict do nothing;

-- name: insert_identity_points
-- Who named which contact point or company.
insert into identity_point (digest, identity, kind)
select * from unnest($1::bytea[], $2::bytea[], $3::text[]) on conflict do nothing;

-- name: delete_parties
-- Personal data goes (R22, R24).
delete from fact_party where fact_id = any($1::uuid[]);

-- name: insert_ban_entries
-- R7: write bans and lifts under digests.
insert into ban_entry
  (digest, kind, fact_id, is_lift, reason, collection, since, placed_by, scope, derived)
select * from unnest($1::bytea[], $2::text[], $3::uuid[], $4::bool[], $5::text[], $6::bool[],
                     $7::timestamptz[], $8::bytea[], $9::jsonb[], $10::bool[])
on conflict (digest, fact_id) do nothing;

-- name: delete_ban_entries
-- Derived entries that no longer follow from the facts (R22).
delete from ban_entry b using unnest($1::bytea[], $2::uuid[]) as gone (digest, fact_id)
where b.digest = gone.digest and b.fact_id = gone.fact_id and b.derived;

-- name: upsert_ban_digests
-- Last message per digest.
insert into ban_digest (digest, kind, version, content)
select * from unnest($1::bytea[], $2::text[], $3::int[], $4::bytea[])
on conflict (digest) do update set version = excluded.version, content = excluded.content;

-- name: upsert_customers
-- Last message per customer id; the message itself goes with a tombstone.
insert into customer (person_id, version, content, audience, message)
select * from unnest($1::uuid[], $2::int[], $3::bytea[], $4::text[], $5::jsonb[])
on conflict (person_id) do update
set version = excluded.version, content = excluded.content,
    audience = excluded.audience, message = excluded.message;

-- name: set_aliases
-- R51: ids that were merged into another one, or stand for themselves again (null).
insert into customer (person_id, version, alias_of)
select person_id, 0, alias_of from unnest($1::uuid[], $2::uuid[]) as a (person_id, alias_of)
on conflict (person_id) do update set alias_of = excluded.alias_of;

-- name: insert_dead_letters
-- One row per record that became a dead letter; returns only the ones that are new.
insert into dead_letter (topic, partition, "offset", reason)
select * from unnest($1::text[], $2::int[], $3::bigint[], $4::text[])
on conflict do nothing
returning topic, partition, "offset";

-- name: save_offsets
-- Where each partition goes on, in the transaction that applied what stood before.
insert into consumer_offset (topic, partition, next_offset)
select * from unnest($1::text[], $2::int[], $3::bigint[])
on conflict (topic, partition) do update
set next_offset = greatest(consumer_offset.next_offset, excluded.next_offset);

-- name: offsets
-- Where partitions go on.
select o.topic, o.partition, o.next_offset
from unnest($1::text[], $2::int[]) as asked (topic, partition)
join consumer_offset o using (topic, partition);

-- name: forget_offsets
-- A topic was made anew: what is stored points past its end.
delete from consumer_offset o using unnest($1::text[], $2::int[]) as gone (topic, partition)
where o.topic = gone.topic and o.partition = gone.partition;

-- name: next_outbox
-- The oldest messages that are not published yet.
select seq, topic, key, value, headers, caused_received, caused_by_no
from outbox order by seq limit $1;

-- name: delete_outbox
-- Published and acknowledged.
delete from outbox where seq = any($1::bigint[]);

-- name: outbox_depth
-- How many messages wait, and since when the oldest one does.
select count(*) as depth, min(created) as oldest from outbox;

-- name: customer_count
-- Customers in the register.
select count(*) from customer where content is not null;

-- name: try_lead
-- Become the one relay, for as long as this connection lives.
select pg_try_advisory_lock($1);

-- name: notify_outbox
-- Wake the relay when this transaction has committed.
select pg_notify('outbox', '');
