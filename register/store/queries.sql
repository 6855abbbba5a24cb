-- Every statement of the service, by name. $n are parameters; arrays are the rows of a batch.

-- name: lock
-- Take transaction locks in the order given (the caller sorts, so that no two batches deadlock).
select pg_advisory_xact_lock(key) from unnest($1::bigint[]) as key;

-- name: try_lock
-- Take transaction locks without waiting; true if all could be taken.
select bool_and(pg_try_advisory_xact_lock(key)) from unnest($1::bigint[]) as key;

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

-- name: match_parts
-- Names and contact points, as digests, that identities ever gave (R50).
select identity, names, contacts from fact
where identity = any($1::bytea[]) and (names <> '{}' or contacts <> '{}') and body ? 'kind';

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
       f.points, f.point_kinds, f.names, f.contacts, p.party
from fact f left join fact_party p using (fact_id)
where f.identity = any($1::bytea[]);

-- name: ban_entries
-- What is written in the ban register under digests.
select digest, kind, fact_id, is_lift, reason, collection, since, placed_by, scope, derived_by
from ban_entry where digest = any($1::bytea[]);

-- name: ban_digests
-- Last message per digest of the ban register.
select digest, kind, version, content from ban_digest where digest = any($1::bytea[]);

-- name: customers
-- Last message per customer id.
select person_id, version, content, alias_of, found_by
from customer where person_id = any($1::uuid[]);

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
  (digest, kind, fact_id, is_lift, reason, collection, since, placed_by, scope, derived_by)
select * from unnest($1::bytea[], $2::text[], $3::uuid[], $4::bool[], $5::text[], $6::bool[],
                     $7::timestamptz[], $8::bytea[], $9::jsonb[], $10::bytea[])
on conflict (digest, fact_id) do nothing;

-- name: delete_ban_entries
-- Derived entries that no longer follow from the facts (R22).
delete from ban_entry b using unnest($1::bytea[], $2::uuid[]) as gone (digest, fact_id)
where b.digest = gone.digest and b.fact_id = gone.fact_id and b.derived_by is not null;

-- name: upsert_ban_digests
-- Last message per digest.
insert into ban_digest (digest, kind, version, content, message)
select * from unnest($1::bytea[], $2::text[], $3::int[], $4::bytea[], $5::jsonb[])
on conflict (digest) do update
set version = excluded.version, content = excluded.content, message = excluded.message;

-- name: upsert_customers
-- Last message per customer id; the message itself goes with a tombstone.
insert into customer (person_id, version, content, audience, message, cause)
select * from unnest($1::uuid[], $2::int[], $3::bytea[], $4::text[], $5::jsonb[], $6::jsonb[])
on conflict (person_id) do update
set version = excluded.version, content = excluded.content, audience = excluded.audience,
    message = excluded.message, cause = excluded.cause;

-- name: clear_customers
-- A tombstone leaves nothing to find the person by.
update customer
set found_by = null, points = null, exact_email = null, consented_products = null,
    former_since = null, disclosable = false
where person_id = any($1::uuid[]);

-- name: update_finders
-- What customers are found by, apart from their message.
update customer c
set found_by = f.found_by, points = f.points, exact_email = f.exact_email,
    consented_products = f.consented_products, former_since = f.former_since,
    disclosable = f.disclosable
from (
  select person_id, found_by, exact_email, consented_products, former_since, disclosable,
         array(select decode(point, 'hex') from unnest(string_to_array(points, ' ')) as point)
           as points
  from unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::jsonb[], $5::timestamptz[], $6::bool[],
              $7::text[])
    as rows (person_id, found_by, exact_email, consented_products, former_since, disclosable,
             points)
) f
where c.person_id = f.person_id;

-- name: set_aliases
-- R51: ids that were merged into another one, or stand for themselves again (null).
insert into customer (person_id, version, alias_of)
select person_id, 0, alias_of from unnest($1::uuid[], $2::uuid[]) as a (person_id, alias_of)
on conflict (person_id) do update set alias_of = excluded.alias_of;

-- name: delete_facts
-- Facts that an erasure or the end of their time takes away (R25, R26).
delete from fact where fact_id = any($1::uuid[]);

-- name: forget_match_keys
-- Nothing of an erased person's name stays (R25).
delete from match_key where identity = any($1::bytea[]);

-- name: forget_identity_points
-- Who used which contact point is forgotten; what is banned under it stays (R25).
delete from identity_point where identity = any($1::bytea[]);

-- name: share_agreements
-- Held by every batch that decides persons: agreements do not change meanwhile.
select pg_advisory_xact_lock_shared($1);

-- name: hold_agreements
-- Held by a batch that changes agreements: nobody decides meanwhile.
select pg_advisory_xact_lock($1);

-- name: agreement_facts
-- Every agreement signed or ended.
select fact_id, source, event_id, type, time, received, body from agreement_fact;

-- name: insert_agreement_facts
-- Agreements signed or ended.
insert into agreement_fact (fact_id, source, event_id, type, time, received, body)
select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[],
                     $6::timestamptz[], $7::jsonb[]);

-- name: start_sweep
-- Decide every customer anew, from the first.
insert into sweep (name, position, cause) values ($1, null, $2)
on conflict (name) do update set position = null, cause = excluded.cause;

-- name: next_sweep
-- A sweep under way.
select name, position, cause from sweep order by name limit 1 for update skip locked;

-- name: customers_after
-- The next customers in order of id.
select person_id from customer
where person_id > coalesce($1, '00000000-0000-0000-0000-000000000000'::uuid)
  and content is not null
order by person_id limit $2;

-- name: advance_sweep
-- A sweep has come so far.
update sweep set position = $2 where name = $1;

-- name: end_sweep
-- A sweep is through.
delete from sweep where name = $1;

-- name: retention_over
-- Former consumer customers whose time is over (R26).
select person_id from customer where former_since <= $1 order by former_since limit $2;

-- name: person_identity
-- One identity of a person: it stands for all of them.
select identity from identity where person_id = $1 order by identity limit 1;

-- name: insert_requests
-- Requests, with due dates; closed at once where they could be answered at once.
insert into request (source, event_id, request_id, type, received, due, closed, reason)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[],
                     $6::timestamptz[], $7::timestamptz[], $8::text[])
on conflict do nothing;

-- name: close_request
-- A request that took longer has ended.
update request set closed = $3, reason = $4 where source = $1 and event_id = $2;

-- name: request_counts
-- Requests that wait, and those past their due date (R61).
select count(*) as open, count(*) filter (where due < $1) as overdue
from request where closed is null;

-- name: insert_catalogue
-- Products and their groups, as orders have shown them.
insert into catalogue (product, category)
select * from unnest($1::text[], $2::text[]) on conflict do nothing;

-- name: catalogue_of
-- A product with its groups, or a group with its products.
select product, category from catalogue where product = $1 or category = $1;

-- name: screened_customers
-- Customers by id, merged ids followed to the end.
with recursive followed as (
  select person_id as asked, person_id, alias_of, content is not null as held
  from customer where person_id = any($1::uuid[])
  union all
  select f.asked, c.person_id, c.alias_of, c.content is not null
  from followed f join customer c on c.person_id = f.alias_of
)
select f.asked, c.message, c.consented_products
from followed f join customer c using (person_id) where f.alias_of is null;

-- name: screened_points
-- Customers who now use one of the contact points.
select p.digest, c.message, c.consented_products, c.exact_email
from (select distinct p.digest, i.person_id
      from identity_point p join identity i using (identity)
      where p.digest = any($1::bytea[])) p
join customer c using (person_id)
where p.digest = any(c.points);

-- name: ledger_lines
-- What partners hold of persons and has not been taken back (R65).
select ledger_id, person_id, partner_id, name, address
from disclosure
where person_id = any($1::uuid[]) and recalled is null and partner_id is not null;

-- name: ledger_of
-- Everything ever handed over of persons, for an access report.
select person_id, request_id, recipient, partner_id, disclosed, recalled, recall_reason
from disclosure where person_id = any($1::uuid[]) order by disclosed, ledger_id;

-- name: insert_ledger
-- S29: hand-overs.
insert into disclosure
  (ledger_id, person_id, request_id, recipient, partner_id, disclosed, name, address)
select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[],
                     $6::timestamptz[], $7::jsonb[], $8::jsonb[]);

-- name: recall_ledger
-- Taken back; the name and the address go from the ledger with it.
update disclosure d
set recalled = $3, recall_reason = r.reason, name = null, address = null
from unnest($1::uuid[], $2::text[]) as r (ledger_id, reason)
where d.ledger_id = r.ledger_id;

-- name: move_ledger
-- Merged persons bring along what was handed over of them.
update disclosure d set person_id = a.alias_of
from unnest($1::uuid[], $2::uuid[]) as a (person_id, alias_of)
where d.person_id = a.person_id and a.alias_of is not null;

-- name: forget_ledger_names
-- Of who is gone the ledger keeps to whom and when, not who (R25).
update disclosure set name = null, address = null
where person_id = any($1::uuid[]) and name is not null;

-- name: insert_disclosure_job
-- A disclosure under way.
insert into disclosure_job
  (job_id, source, event_id, request_id, recipient, partner_id, selection, received,
   traceparent, parts)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0);

-- name: insert_disclosure_candidates
-- The customers it may take, in parts; for a partner only those whose cell is allowed.
insert into disclosure_candidate (job_id, part, person_id)
select $1, (row_number() over (order by person_id) - 1) / $2 + 1, person_id
from customer
where content is not null and (disclosable or not $3)
  and ($4::text[] is null or audience = any($4));

-- name: count_disclosure_parts
-- How many parts there will be, at least one.
update disclosure_job j
set parts = greatest(1, (select coalesce(max(part), 0)
                         from disclosure_candidate c where c.job_id = j.job_id))
where job_id = $1;

-- name: next_disclosure_job
-- A disclosure under way, the oldest first.
select job_id, source, event_id, request_id, recipient, partner_id, selection, received,
       traceparent, parts, next_part
from disclosure_job order by received, job_id limit 1 for update skip locked;

-- name: disclosure_part
-- The candidates of one part, merged ids followed one step.
select distinct coalesce(c.alias_of, c.person_id) as person_id
from disclosure_candidate d join customer c using (person_id)
where d.job_id = $1 and d.part = $2;

-- name: advance_disclosure_job
-- The next part.
update disclosure_job set next_part = next_part + 1 where job_id = $1;

-- name: end_disclosure_job
-- All parts are handed over.
delete from disclosure_job where job_id = $1;

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

-- name: customer_messages
-- The next customers' last messages, in order of id, tombstones left out.
select person_id, version, message, cause from customer
where person_id > coalesce($1, '00000000-0000-0000-0000-000000000000'::uuid)
  and content is not null
order by person_id limit $2;

-- name: customer_messages_of
-- Last messages of the given customers, tombstones too.
select person_id, version, content, message, cause from customer where person_id = any($1::uuid[]);

-- name: ban_messages
-- The next digests' last messages, in order of digest, tombstones left out.
select digest, version, message from ban_digest
where digest > coalesce($1, ''::bytea) and content is not null
order by digest limit $2;

-- name: ban_messages_of
-- Last messages of the given digests, tombstones too.
select digest, version, content, message from ban_digest where digest = any($1::bytea[]);

-- name: customers_page
-- The next customer ids, tombstones too.
select person_id, version, content from customer
where person_id > coalesce($1, '00000000-0000-0000-0000-000000000000'::uuid)
order by person_id limit $2;

-- name: persons_page
-- The next persons by the id their identities point to.
select distinct person_id from identity
where person_id > coalesce($1, '00000000-0000-0000-0000-000000000000'::uuid)
order by person_id limit $2;

-- name: customer_now
-- A customer id followed through merges to the end, and whether a message stands under it.
with recursive followed as (
  select person_id, alias_of, content is not null as held from customer where person_id = $1
  union all
  select c.person_id, c.alias_of, c.content is not null
  from followed f join customer c on c.person_id = f.alias_of
)
select person_id, held from followed where alias_of is null;

-- name: known_links
-- Match keys of the identities, also those that a merge gave them (R52).
select match_key, identity from match_key where identity = any($1::bytea[]);

-- name: known_entries
-- The ban register under digests, with the event of each line, and when the line came to be
-- known: a derived one (R22, R62) not before its contact point was named.
select b.digest, b.kind, b.fact_id, b.is_lift, b.reason, b.collection, b.since, b.placed_by,
       b.scope, b.derived_by, f.source, f.event_id, f.type, f.time, f.received, f.body,
       greatest(
         coalesce(f.received, b.since),
         (select min(d.received) from fact d
          where d.identity = b.derived_by and b.digest = any(d.points))
       ) as known
from ban_entry b left join fact f using (fact_id)
where b.digest = any($1::bytea[]);

-- name: possible_duplicates
-- R50: how many groups of customers use the same e-mail address or phone number now, and how
-- many customers are in one. A contact point that two identities named comes first: few are.
with named_twice as (
  select digest from identity_point where kind in ('email', 'phone')
  group by digest having count(*) > 1
), shared as (
  select array_agg(distinct c.person_id order by c.person_id) as persons
  from named_twice t
  join identity_point p using (digest)
  join identity i using (identity)
  join customer c on c.person_id = i.person_id and t.digest = any(c.points)
  group by t.digest having count(distinct c.person_id) > 1
)
select (select count(distinct persons) from shared) as groups,
       (select count(distinct person) from shared, unnest(persons) as person) as customers;

-- name: possible_duplicate_groups
-- R50: those groups, the largest first, with the kinds of contact point that they share.
with named_twice as (
  select digest from identity_point where kind in ('email', 'phone')
  group by digest having count(*) > 1
), shared as (
  select array_agg(distinct c.person_id order by c.person_id) as persons, min(p.kind) as kind
  from named_twice t
  join identity_point p using (digest)
  join identity i using (identity)
  join customer c on c.person_id = i.person_id and t.digest = any(c.points)
  group by t.digest having count(distinct c.person_id) > 1
)
select persons, array_agg(distinct kind order by kind) as kinds
from shared group by persons
order by cardinality(persons) desc, persons limit $1;

-- name: audiences
-- Which row of the decision table customers stand in.
select person_id, audience from customer where person_id = any($1::uuid[]);
