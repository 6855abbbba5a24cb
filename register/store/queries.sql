-- Every statement of the service, by name. $n are parameters; arrays are the rows of a batch.

-- name: schema_revision
-- Which migrations the database has: the newest one's number.
select version_num from alembic_version;

-- name: lock
-- Take transaction locks in the order given (the caller sorts, so that no two batches deadlock).
select pg_advisory_xact_lock(key) from unnest($1::bigint[]) as key;

-- name: try_lock
-- Take transaction locks without waiting; true if all could be taken.
select bool_and(pg_try_advisory_xact_lock(key)) from unnest($1::bigint[]) as key;

-- name: still_here
-- Nothing, but that this session is alive.
select;

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

-- name: persons_of
-- Persons of the identities, with the names and contact points, as digests, that those of the
-- second list ever gave: a row for each combination that a fact gave (R50).
select i.identity, i.person_id, f.names, f.contacts
from identity i
left join lateral (
    select distinct names, contacts from fact
    where identity = i.identity and i.identity = any($2::bytea[])
      and (names <> '{}' or contacts <> '{}') and body ? 'kind'
) f on true
where i.identity = any($1::bytea[]);

-- name: members
-- Every identity of the persons, with the digests under which it placed bans or lifts, and those
-- of bans on collecting. `written` tells whether its row is still the same one: it may have gone
-- to another person and come back, and whoever had it meanwhile did not wait for these locks.
select identity, person_id, source, subject, placed, collecting, i.xmin::text as written
from identity i cross join lateral (
    select array_agg(distinct digest) as placed,
           array_agg(distinct digest) filter (where collection and not is_lift) as collecting
    from ban_entry where placed_by = i.identity
) said
where person_id = any($1::uuid[]);

-- name: users
-- Contact points that the identities ever named, companies left out; and the persons who ever
-- named one of these, or a contact point or company of the second list (R8, R9), with those of
-- their identities under which data was corrected (R62).
with named as (
  select distinct digest from identity_point
  where identity = any($1::bytea[]) and kind <> 'company'
), asked as (
  select digest from named union select unnest($2::bytea[])
)
select digest, null::uuid as person_id, null::bytea[] as corrected from named
union all
select null, person_id,
       array(select i.identity
             from identity i
             where i.person_id = users.person_id
               and (select true from fact f
                    where f.identity = i.identity and f.type = 'rectification.requested'
                    limit 1)
             order by i.identity)
from (
  select distinct i.person_id
  from identity_point p join identity i using (identity)
  where p.digest = any(array(select digest from asked))
) as users;

-- name: facts
-- Facts of the identities, with the personal data that is still held.
select f.fact_id, f.identity, f.source, f.event_id, f.type, f.time, f.received, f.body,
       f.points, f.point_kinds, f.names, f.contacts, p.party
from fact f left join fact_party p using (fact_id)
where f.identity = any($1::bytea[]);

-- name: ban_entries
-- What is written in the ban register under digests, and under the identities that placed it; and
-- under those of the second list.
with asked as (
  select unnest($1::bytea[] || $2::bytea[]) as digest
  union
  select placed_by from ban_entry where digest = any($1::bytea[]) and placed_by is not null
)
select digest, kind, fact_id, is_lift, reason, collection, since, placed_by, scope, derived_by
from ban_entry where digest = any(array(select digest from asked));

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
-- Last message per customer id, with what the customer is found by apart from it; of a tombstone
-- nothing stays.
insert into customer (person_id, version, content, audience, message, cause, found_by,
                      exact_email, consented_products, former_since, disclosable, points)
select person_id, version, content, audience, message, cause, found_by, exact_email,
       consented_products, former_since, disclosable,
       case when points is not null then
         array(select decode(point, 'hex') from unnest(string_to_array(points, ' ')) as point)
       end
from unnest($1::uuid[], $2::int[], $3::bytea[], $4::text[], $5::jsonb[], $6::jsonb[],
            $7::bytea[], $8::bytea[], $9::jsonb[], $10::timestamptz[], $11::bool[], $12::text[])
  as row (person_id, version, content, audience, message, cause, found_by, exact_email,
          consented_products, former_since, disclosable, points)
on conflict (person_id) do update
set version = excluded.version, content = excluded.content, audience = excluded.audience,
    message = excluded.message, cause = excluded.cause, found_by = excluded.found_by,
    points = excluded.points, exact_email = excluded.exact_email,
    consented_products = excluded.consented_products, former_since = excluded.former_since,
    disclosable = excluded.disclosable;

-- name: update_finders
-- What customers are found by, apart from their message, which stays.
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
-- Held by every batch that decides persons.
select pg_advisory_xact_lock_shared($1);

-- name: hold_agreements
-- Held alone, by a batch that changes agreements, or by what may have nobody decide meanwhile.
select pg_advisory_xact_lock($1);

-- name: agreement_facts
-- Every agreement signed or ended.
select fact_id, source, event_id, type, time, received, body from agreement_fact;

-- name: active_agreements
-- The last word on each partner's agreement that is not its end; of the same time, the end wins.
select fact_id, source, event_id, type, time, received, body
from (select distinct on (body->>'partner_id') *
      from agreement_fact
      order by body->>'partner_id', time desc, type = 'agreement.ended' desc, fact_id desc) last
where type <> 'agreement.ended';

-- name: insert_agreement_facts
-- Agreements signed or ended.
insert into agreement_fact (fact_id, source, event_id, type, time, received, body)
select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[],
                     $6::timestamptz[], $7::jsonb[]);

-- name: hold_sweep
-- Wait for the step of a sweep that is under way, and let none begin.
select from sweep where name = $1 for update;

-- name: start_sweep
-- Decide every customer anew, from the first.
insert into sweep (name, position, cause) values ($1, null, $2)
on conflict (name) do update
set position = null, cause = excluded.cause, waits_for = null;

-- name: next_sweep
-- A sweep under way.
select name, position, cause, waits_for from sweep order by name limit 1 for update skip locked;

-- name: sweep_waits
-- A sweep waits for the transactions that decide somebody just now, and returns those: they may
-- have read what was true before it was started, and make somebody whom it has passed by.
update sweep
set waits_for = array(select virtualtransaction from pg_locks
                      where locktype = 'advisory' and granted and mode = 'ShareLock'
                        and classid = 0 and objid = $2::bigint::oid and objsubid = 1
                        and database = (select oid from pg_database
                                        where datname = current_database()))
where name = $1
returning waits_for;

-- name: still_deciding
-- Whether one of the transactions is under way.
select exists (select from pg_locks
               where locktype = 'virtualxid' and virtualxid = any($1::text[]));

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

-- name: insert_facts
-- Facts of a batch. Not COPY: a worker that stands still in the midst of one keeps its locks, as
-- no time limit of the server ends a session that reads the rows of a COPY.
insert into fact (fact_id, identity, source, event_id, type, time, received, body,
                  points, point_kinds, names, contacts)
select fact_id, identity, source, event_id, type, time, received, body,
       points::bytea[], point_kinds::text[], names::bytea[], contacts::bytea[]
from unnest($1::uuid[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],
            $7::timestamptz[], $8::jsonb[], $9::text[], $10::text[], $11::text[], $12::text[])
  as row (fact_id, identity, source, event_id, type, time, received, body,
          points, point_kinds, names, contacts);

-- name: insert_parties
-- Personal data of facts.
insert into fact_party (fact_id, subject, party)
select * from unnest($1::uuid[], $2::text[], $3::jsonb[]);

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
-- Everything ever handed over of persons, for an access report, with the partner's name as its
-- newest agreement has it. The name and the address are gone where it was recalled.
select d.person_id, d.request_id, d.recipient, d.partner_id, a.partner_name, d.disclosed,
       d.name, d.address, d.recalled, d.recall_reason
from disclosure d
left join lateral (
    select body->>'name' as partner_name from agreement_fact
    where body->>'partner_id' = d.partner_id and body ? 'name'
    order by time desc, fact_id desc limit 1
) a on true
where d.person_id = any($1::uuid[]) order by d.disclosed, d.ledger_id;

-- name: insert_ledger
-- S29: hand-overs.
insert into disclosure
  (ledger_id, person_id, request_id, recipient, partner_id, disclosed, name, address)
select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[],
                     $6::timestamptz[], $7::jsonb[], $8::jsonb[]);

-- name: handed_over
-- Of persons, those whom this request handed over already: in an earlier part, before a merge.
select person_id from disclosure
where person_id = any($1::uuid[]) and request_id = $2 and recipient = $3
  and partner_id is not distinct from $4 and disclosed >= $5 and recalled is null;

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

-- name: plan_anew
-- For the rest of this transaction, plans fit what is asked: not everything is looked up by key.
select set_config('plan_cache_mode', 'force_custom_plan', true),
       set_config('enable_seqscan', 'on', true), set_config('enable_hashjoin', 'on', true),
       set_config('enable_mergejoin', 'on', true);

-- name: insert_disclosure_candidates
-- The customers it may take, in parts; for a partner only those whose cell is allowed, for a
-- person only that one.
insert into disclosure_candidate (job_id, part, person_id)
select $1, (row_number() over (order by person_id) - 1) / $2 + 1, person_id
from customer
where content is not null and (disclosable or not $3)
  and ($4::text[] is null or audience = any($4))
  and ($5::uuid is null or person_id = $5);

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
-- A topic was made anew: what is stored points past its end, and its offsets come again.
with gone as (
  select * from unnest($1::text[], $2::int[]) as gone (topic, partition)
), letters as (
  delete from dead_letter l using gone
  where l.topic = gone.topic and l.partition = gone.partition
)
delete from consumer_offset o using gone
where o.topic = gone.topic and o.partition = gone.partition;

-- name: next_outbox
-- The oldest messages that are not published yet, but for those of some keys.
select seq, topic, key, value, headers, caused_received, caused_by_no
from outbox o
where not exists (select from unnest($2::text[], $3::bytea[]) as stuck (topic, key)
                  where stuck.topic = o.topic and stuck.key is not distinct from o.key)
order by seq limit $1;

-- name: delete_outbox
-- Published and acknowledged.
delete from outbox where seq = any($1::bigint[]);

-- name: outbox_depth
-- How many messages wait, and since when the oldest one does.
select count(*) as depth, (select created from outbox order by seq limit 1) as oldest from outbox;

-- name: customer_count
-- Customers in the register.
select count(*) from customer where content is not null;

-- name: last_count
-- What was counted last, how long that took (null: it goes on, or was broken off), and how many
-- seconds ago it was.
select number, seconds, extract(epoch from clock_timestamp() - at)::float8 as age, at
from counted where what = $1;

-- name: claim_count
-- Be the one who counts something, where nobody else began since it was counted at $2.
insert into counted (what, at) values ($1, clock_timestamp())
on conflict (what) do update set seconds = null, at = excluded.at where counted.at = $2
returning true;

-- name: save_count
-- What was counted, and how long it took.
insert into counted (what, number, seconds, at) values ($1, $2, $3, clock_timestamp())
on conflict (what) do update
set number = excluded.number, seconds = excluded.seconds, at = excluded.at;

-- name: save_rehearsal
-- Something to commit.
insert into counted (what, at) values ('rehearsals', clock_timestamp())
on conflict (what) do update set at = excluded.at;

-- name: forget_plans
-- Have statements planned by what the tables hold now.
discard plans;

-- name: try_lead
-- Become the one relay, for as long as this connection lives.
select pg_try_advisory_lock($1);

-- name: session_named
-- Whether a session of that name uses this database.
select exists (select from pg_stat_activity
               where datname = current_database() and application_name = $1);

-- name: insert_outbox
-- Messages to publish, in order.
insert into outbox (topic, key, value, headers, caused_received, caused_by_no)
select * from unnest($1::text[], $2::bytea[], $3::bytea[], $4::bytea[], $5::timestamptz[],
                     $6::bool[]);

-- name: wake_relay
-- There is something to publish, when this transaction has committed.
select pg_notify('outbox', '');

-- name: hurry_relay
-- Somebody waits for what there is to publish.
select pg_notify('outbox', 'now');

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

-- name: handle_dead_letters
-- One retry or discard at a time, for as long as this connection lives.
select pg_try_advisory_lock($1);

-- name: find_dead_letters
-- Dead letters that match, the oldest first, and how many there are; an open one whose bytes are
-- gone from the topic has expired.
with matching as (
  select topic, partition, "offset", reason, created,
         case when state = 'open' and created < $1 then 'expired' else state end as state
  from dead_letter_now
  where topic = any($2::text[])
    and ($3::text is null or reason = $3 or split_part(reason, ':', 1) = $3)
    and ($4::timestamptz is null or created >= $4)
)
select *, count(*) over () as total from matching
where state = any($5::text[])
order by created, topic, partition, "offset" limit $6;

-- name: dead_letters_at
-- Dead letters by where they were received.
select l.topic, l.partition, l."offset", l.reason, l.created,
       case when l.state = 'open' and l.created < $1 then 'expired' else l.state end as state
from unnest($2::text[], $3::int[], $4::bigint[]) as asked (topic, partition, "offset")
join dead_letter_now l using (topic, partition, "offset");

-- name: insert_dead_letter_actions
-- Who did what with dead letters, and why.
insert into dead_letter_action (topic, partition, "offset", put_at, action, operator, because)
select *, $5, $6, $7
from unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[]);

-- name: dead_letter_actions
-- What was done with a dead letter, the first action first; what is older than the letter was
-- done with another one, before the topic was made anew.
select a.action, a.operator, a.because, a.put_at, a.at
from dead_letter_action a join dead_letter l using (topic, partition, "offset")
where a.topic = $1 and a.partition = $2 and a."offset" = $3 and a.at >= l.created
order by a.action_id;

-- name: bodies_known
-- R1: of events whose (source, id) is known, whether this body is the one that was taken in, or
-- another one that came as a conflict.
select asked.number, k.body_digest = asked.body_digest as taken_in,
       exists (
         select from event_conflict c
         where c.source = asked.source and c.event_id = asked.event_id
           and c.body_digest = asked.body_digest
       ) as conflicting
from unnest($1::text[], $2::text[], $3::bytea[])
  with ordinality as asked (source, event_id, body_digest, number)
join event_key k using (source, event_id);

-- name: later_facts
-- How many events of identities are held that are dated later than a moment.
select asked.number, count(*) as later
from unnest($1::bytea[], $2::timestamptz[]) with ordinality as asked (identity, time, number)
join fact f on f.identity = asked.identity and f.time > asked.time
group by asked.number;

-- name: source_known
-- Whether any event of a source was ever taken in.
select exists (select from event_key where source = $1);

-- name: cluster_now
-- Which server this is, and which of its histories: another one after a restore.
select cluster_now();

-- name: output_hold
-- R66: whether output waits, whether it is known for what, and whether some of that is gone.
select asked or cluster <> cluster_now() as held,
       exists (select from replay_target) as has_targets,
       not gaps_accepted and exists (select from replay_target where gone) as gone
from output_hold;

-- name: lock_output_hold
-- One at a time sets the targets of a replay.
select from output_hold for update;

-- name: ask_output_hold
-- The database was restored, whatever it looks like.
update output_hold set asked = true, gaps_accepted = false;

-- name: forget_targets
-- A replay begins anew, or has ended.
delete from replay_target;

-- name: forget_offsets_past_the_end
-- Topics were made anew: what is stored points past their ends, and their offsets come again.
with gone as (
  delete from consumer_offset o
  using unnest($1::text[], $2::int[], $3::bigint[]) as span (topic, partition, end_offset)
  where o.topic = span.topic and o.partition = span.partition
    and o.next_offset > span.end_offset
  returning o.topic, o.partition
)
delete from dead_letter l using gone
where l.topic = gone.topic and l.partition = gone.partition;

-- name: insert_targets
-- How far a replay has to come, and where the records that it needs are gone.
insert into replay_target (topic, partition, end_offset, gone)
select span.topic, span.partition, span.end_offset,
       span.first_offset > coalesce(o.next_offset, 0)
from unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[])
  as span (topic, partition, first_offset, end_offset)
left join consumer_offset o using (topic, partition);

-- name: accept_gaps
-- Somebody decided to go on without what is gone.
update output_hold set gaps_accepted = true;

-- name: targets_ahead
-- Partitions of which a replay has not taken everything in.
select t.topic, t.partition, coalesce(o.next_offset, 0) as next_offset, t.end_offset
from replay_target t left join consumer_offset o using (topic, partition)
where coalesce(o.next_offset, 0) < t.end_offset
order by t.topic, t.partition;

-- name: end_output_hold
-- The replay is complete: output is written from here.
update output_hold set cluster = cluster_now(), asked = false, gaps_accepted = false;

-- name: make_said
-- What the outbound topics hold, for as long as this connection lives.
create temporary table if not exists said (
  topic text not null,
  key text not null,
  kind text,
  version integer not null,
  content bytea,
  primary key (topic, key)
);

-- name: empty_said
-- Nothing of it is known yet.
truncate said;

-- name: insert_said
-- The last word on keys so far; a tombstone (no version) counts as a version of its own.
insert into said (topic, key, kind, version, content)
select topic, key, kind, coalesce(version, 1), content
from unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::bytea[])
  as record (topic, key, kind, version, content)
on conflict (topic, key) do update
set version = case when excluded.content is not null then excluded.version
                   else greatest(said.version + 1, excluded.version) end,
    kind = excluded.kind, content = excluded.content;

-- name: analyze_said
-- So that what follows joins it well.
analyze said;

-- name: answers_waiting
-- Which of the topics have answers in the outbox.
select distinct topic from outbox where topic = any($1::text[]);

-- name: delete_answers_given
-- Answers in the outbox that their topic holds already, by the event's id.
delete from outbox o using said s
where o.topic = any($1::text[]) and s.topic = o.topic
  and s.key = convert_from(o.value, 'UTF8')::jsonb ->> 'id';

-- name: delete_said_again
-- What the outbox has for keys that their topic holds: it goes by other versions.
delete from outbox o using said s
where s.topic = $1 and o.topic = $1 and o.key = convert_to(s.key, 'UTF8');

-- name: unknown_customers
-- Customers that the topic holds and the register does not.
insert into customer (person_id, version)
select key::uuid, version from said where topic = $1 and content is not null
on conflict do nothing;

-- name: customers_said_alike
-- Where the topic says what the register says, its version counts.
update customer c set version = s.version
from said s
where s.topic = $1 and c.person_id = s.key::uuid and c.content = s.content
  and c.version <> s.version;

-- name: customers_said_otherwise
-- Where the topic says something else, a newer version than its last; returns of whom.
update customer c
set version = case when s.content is null then greatest(c.version, s.version + 1)
                   else s.version + 1 end
from said s
where s.topic = $1 and c.person_id = s.key::uuid and c.content is distinct from s.content
returning c.person_id;

-- name: customers_not_said
-- Customers of whom neither the topic nor the outbox says anything.
select person_id from customer c
where content is not null
  and not exists (select from said s where s.topic = $1 and s.key = c.person_id::text)
  and not exists (
    select from outbox o where o.topic = $1 and o.key = convert_to(c.person_id::text, 'UTF8')
  );

-- name: unknown_bans
-- How many digests the topic shows bans under of which the register knows nothing.
select count(*) from said s
where s.topic = $1 and s.content is not null
  and not exists (select from ban_digest d where d.digest = decode(s.key, 'hex'));

-- name: insert_unknown_bans
-- They stood for a moment, in another order of events; but where records are gone, they stand.
insert into ban_digest (digest, kind, version)
select decode(key, 'hex'), kind, version from said
where topic = $1 and content is not null
  and not exists (select from replay_target where gone)
on conflict do nothing;

-- name: bans_said_alike
-- The same as for customers, of the ban register.
update ban_digest d set version = s.version
from said s
where s.topic = $1 and d.digest = decode(s.key, 'hex') and d.content = s.content
  and d.version <> s.version;

-- name: bans_said_otherwise
-- The same of the ban register; returns the digests.
update ban_digest d
set version = case when s.content is null then greatest(d.version, s.version + 1)
                   else s.version + 1 end
from said s
where s.topic = $1 and d.digest = decode(s.key, 'hex')
  and d.content is distinct from s.content
returning d.digest;

-- name: bans_not_said
-- Digests of which neither the topic nor the outbox says anything.
select digest from ban_digest d
where content is not null
  and not exists (
    select from said s where s.topic = $1 and s.key = encode(d.digest, 'hex')
  )
  and not exists (
    select from outbox o
    where o.topic = $1 and o.key = convert_to(encode(d.digest, 'hex'), 'UTF8')
  );

-- name: make_suspects
-- The highest version that a topic shows of a key, since readers take no lower one after it; and
-- keys of which it seems to say something else. For as long as this connection lives.
create temporary table if not exists highest (
  topic text not null,
  key text not null,
  version integer not null,
  primary key (topic, key)
);
create temporary table if not exists suspect (
  topic text not null,
  key text not null,
  version integer,
  content bytea,
  what text,
  primary key (topic, key)
);
create temporary view said_now as
select s.topic, s.key, s.version, s.content, greatest(s.version, h.version) as highest
from said s left join highest h using (topic, key);

-- name: insert_highest
-- Versions that a topic shows, at most one per key at a time.
insert into highest (topic, key, version)
select * from unnest($1::text[], $2::text[], $3::int[])
on conflict (topic, key) do update
set version = greatest(highest.version, excluded.version);

-- name: suspect_customers
-- Customers of whom the topic, as far as it is read, and the outbox say something else, as the
-- register has them at this moment.
insert into suspect (topic, key, version, content)
select $1, coalesce(c.person_id::text, s.key), c.version, c.content
from customer c
full join (select * from said_now where topic = $1) s on s.key = c.person_id::text
where (c.content is distinct from s.content
       or (c.content is not null and (c.version <> s.version or c.version < s.highest)))
  and not exists (
    select from outbox o
    where o.topic = $1 and o.key = convert_to(coalesce(c.person_id::text, s.key), 'UTF8')
  );

-- name: suspect_bans
-- The same of the ban register.
insert into suspect (topic, key, version, content)
select $1, coalesce(encode(d.digest, 'hex'), s.key), d.version, d.content
from ban_digest d
full join (select * from said_now where topic = $1) s on s.key = encode(d.digest, 'hex')
where (d.content is distinct from s.content
       or (d.content is not null and (d.version <> s.version or d.version < s.highest)))
  and not exists (
    select from outbox o
    where o.topic = $1
      and o.key = convert_to(coalesce(encode(d.digest, 'hex'), s.key), 'UTF8')
  );

-- name: judge_suspects
-- After the topic is read on to beyond that moment: what it lacks still, or says otherwise.
update suspect x
set what = case when s.key is null or s.content is null then 'missing'
                when x.version is null then 'unknown'
                when s.highest > x.version then 'newer'
                when s.version < x.version then 'older'
                else 'other' end
from suspect y left join said_now s using (topic, key)
where x.topic = y.topic and x.key = y.key
  and (x.content is distinct from s.content
       or (x.content is not null and (x.version <> s.version or x.version < s.highest)));

-- name: clear_moved_customers
-- What the topic has by now, and whose next word is on its way or said, is no difference.
delete from suspect x
where topic = $1
  and (what is null
       or exists (select from outbox o where o.topic = $1 and o.key = convert_to(x.key, 'UTF8'))
       or exists (select from customer c
                  where c.person_id::text = x.key
                    and (c.version, c.content) is distinct from (x.version, x.content)));

-- name: clear_moved_bans
-- The same of the ban register.
delete from suspect x
where topic = $1
  and (what is null
       or exists (select from outbox o where o.topic = $1 and o.key = convert_to(x.key, 'UTF8'))
       or exists (select from ban_digest d
                  where encode(d.digest, 'hex') = x.key
                    and (d.version, d.content) is distinct from (x.version, x.content)));

-- name: suspect_counts
-- How much is left, by topic and what is wrong.
select topic, what, count(*) from suspect group by topic, what;

-- name: suspects_after
-- The next of a topic in order of key.
select key, what from suspect where topic = $1 and key > $2 order by key limit $3;

-- name: bury_unknown_customers
-- Whom the register does not know nobody is to contact: after the topic's last word a tombstone.
insert into customer (person_id, version)
select k.person_id, s.highest + 1
from unnest($2::uuid[]) as k (person_id)
join said_now s on s.topic = $1 and s.key = k.person_id::text
on conflict do nothing
returning person_id;

-- name: mend_customers
-- Versions that readers take: above all that the topic shows, or its last one where that says the
-- same; returns of whom the register's word has to be said again. Who changed since is left.
update customer c
set version = case when s.key is null then c.version
                   when s.content = c.content and s.version = s.highest
                     and s.version >= c.version then s.version
                   else greatest(c.version, s.highest + 1) end
from suspect x left join said_now s using (topic, key)
where x.topic = $1 and c.person_id = any($2::uuid[]) and x.key = c.person_id::text
  and (c.version, c.content) is not distinct from (x.version, x.content)
returning c.person_id, not coalesce(s.content = c.content and s.version = c.version, false) as say;

-- name: mend_bans
-- The same of the ban register.
update ban_digest d
set version = case when s.key is null then d.version
                   when s.content = d.content and s.version = s.highest
                     and s.version >= d.version then s.version
                   else greatest(d.version, s.highest + 1) end
from suspect x left join said_now s using (topic, key)
where x.topic = $1 and d.digest = any($2::bytea[]) and x.key = encode(d.digest, 'hex')
  and (d.version, d.content) is not distinct from (x.version, x.content)
returning d.digest, not coalesce(s.content = d.content and s.version = d.version, false) as say;

-- name: try_rebuild
-- One rebuild at a time, for as long as this connection lives.
select pg_try_advisory_lock($1);

-- name: drop_rebuild
-- What a rebuild made and did not swap in.
drop schema if exists register_rebuild cascade;

-- name: rebuild_exists
-- Whether there is what a rebuild makes, or has left.
select to_regnamespace('register_rebuild') is not null;

-- name: drop_abandoned
-- What a rebuild that was killed has left. Who reads it is not waited for: nobody is to wait
-- behind this for its tables, nor a rebuild for the lock.
set local lock_timeout = '100ms';
drop schema register_rebuild cascade;

-- name: make_rebuild
-- Empty tables for all that follows from the facts, as like those in use as can be, and notes:
-- who is one person by what no fact tells any more (tied; gone: erased or past the time), what to
-- decide again (todo), what differs.
create schema register_rebuild;
do $$
declare
  built text;
  made text;
begin
  foreach built in array array['identity', 'match_key', 'identity_point', 'ban_entry', 'ban_digest',
                               'customer'] loop
    execute format('create table register_rebuild.%1$I (like public.%1$I including defaults)',
                   built);
    for made in
      select format('alter table register_rebuild.%I set (%s)', built,
                    array_to_string(reloptions, ', '))
      from pg_class where oid = format('public.%I', built)::regclass and reloptions is not null
      union all
      select format('alter table register_rebuild.%I add constraint %I %s', built, conname,
                    pg_get_constraintdef(oid))
      from pg_constraint where conrelid = format('public.%I', built)::regclass and contype = 'p'
      union all
      select replace(pg_get_indexdef(indexrelid), ' ON public.', ' ON register_rebuild.')
      from pg_index where indrelid = format('public.%I', built)::regclass and not indisprimary
      union all
      select format('comment on table register_rebuild.%I is %L', built,
                    obj_description(format('public.%I', built)::regclass))
      union all
      select format('grant %s on register_rebuild.%I to %s', g.privilege_type, built,
                    case g.grantee when 0 then 'public' else g.grantee::regrole::text end)
      from pg_class c, aclexplode(c.relacl) g
      where c.oid = format('public.%I', built)::regclass and g.grantee <> c.relowner
    loop
      execute made;
    end loop;
  end loop;
end $$;
create table register_rebuild.tied (
  identity bytea, tie uuid, gone boolean not null, primary key (identity, tie)
);
create index tied_tie on register_rebuild.tied (tie);
create table register_rebuild.todo (identity bytea primary key);
create table register_rebuild.todo_digest (digest bytea primary key);
create table register_rebuild.todo_person (person_id uuid primary key);
create table register_rebuild.difference (kind text not null, key bytea not null, fact_id uuid);
create index difference_key on register_rebuild.difference (key);
set search_path = register_rebuild, public;

-- name: rebuild_horizon
-- Whatever is not to be seen yet has this transaction's number or a later one.
select pg_snapshot_xmin(pg_current_snapshot())::xid::text;

-- name: rebuild_seed_customers
-- Every id ever used, as if nobody had it any more: then the next word on it is a tombstone.
insert into register_rebuild.customer (person_id, version, cause, alias_of)
select person_id, version + (content is not null)::int, cause, alias_of from public.customer;

-- name: rebuild_seed_bans
-- The same of the digests of the ban register.
insert into register_rebuild.ban_digest (digest, kind, version)
select digest, kind, version + (content is not null)::int from public.ban_digest;

-- name: rebuild_seed_new_bans
-- The same of digests that came since.
insert into register_rebuild.ban_digest (digest, kind, version)
select d.digest, d.kind, d.version + (d.content is not null)::int
from public.ban_digest d join register_rebuild.todo_digest using (digest)
on conflict do nothing;

-- name: rebuild_tied
-- Whom no match key need join: who was erased or is past the time ($1; one erasure stands under
-- all that were one person), and whom a correction found ($2).
insert into register_rebuild.tied (identity, tie, gone)
select identity, md5(source || E'\n' || event_id)::uuid, type = any($1) from public.fact
where type = any($1 || $2) and identity is not null
  and ($3::bytea[] is null or identity = any($3))
on conflict do nothing;

-- name: rebuild_tied_after
-- The next of them in order.
select distinct identity from register_rebuild.tied
where identity > $1 order by identity limit $2;

-- name: rebuild_tied_among
-- Which of the identities are among them, and whether they are gone.
select identity, bool_or(gone) as gone from register_rebuild.tied
where identity = any($1::bytea[]) group by identity;

-- name: rebuild_tied_groups
-- With whom they are one person in the register in use; when each was erased or its time ended,
-- and the time of the oldest fact of its own that an end takes away ($2 are those it leaves).
select i.person_id, i.identity,
       (select max(time) from public.fact f
        where f.identity = i.identity and f.type = 'erasure.requested') as erased,
       (select max(time) from public.fact f
        where f.identity = i.identity and f.type = any($3)) as ended,
       (select min(time) from public.fact f
        where f.identity = i.identity and f.type <> all($2)) as oldest
from public.identity i
where i.person_id in (select person_id from public.identity where identity = any($1::bytea[]));

-- name: rebuild_tie
-- Identities that are one person in the register in use.
insert into register_rebuild.tied (identity, tie, gone)
select * from unnest($1::bytea[], $2::uuid[], $3::bool[])
on conflict (identity, tie) do update set gone = tied.gone or excluded.gone;

-- name: rebuild_clear_gone
-- Of who is gone by now, what was recomputed while they were not.
with key as (delete from register_rebuild.match_key where identity = any($1::bytea[]))
delete from register_rebuild.identity_point where identity = any($1::bytea[]);

-- name: rebuild_copy_keys
-- What facts that are erased have left cannot be recomputed: it is copied.
insert into register_rebuild.match_key (match_key, identity)
select m.match_key, m.identity from public.match_key m
where m.identity in (select identity from register_rebuild.tied where gone)
  and ($1::bytea[] is null or m.identity = any($1))
on conflict do nothing;

-- name: rebuild_copy_points
-- The same of the contact points that they named.
insert into register_rebuild.identity_point (digest, identity, kind)
select p.digest, p.identity, p.kind from public.identity_point p
where p.identity in (select identity from register_rebuild.tied where gone)
  and ($1::bytea[] is null or p.identity = any($1))
on conflict do nothing;

-- name: rebuild_after
-- The next identities that any event named.
select identity from (
  (select identity from public.identity where identity > $1 order by identity limit $2)
  union
  (select distinct identity from public.fact where identity > $1 order by identity limit $2)
) named
order by identity limit $2;

-- name: rebuild_saying
-- Of the facts of identities those that join them to others, or say something to the ban register.
select fact_id, identity, source, event_id, type, time, received, body, points, point_kinds,
       names, contacts, null::jsonb as party
from public.fact
where identity = any($1::bytea[])
  and (names <> '{}' or contacts <> '{}' or type = any($2::text[]));

-- name: rebuild_anonymous
-- The next facts that name nobody, in order of id.
select fact_id, identity, source, event_id, type, time, received, body, points, point_kinds,
       names, contacts, null::jsonb as party
from public.fact
where identity is null and fact_id > $1 and type = any($2::text[])
order by fact_id limit $3;

-- name: rebuild_keys
-- R50, R52: what makes two identities one person, of those whose facts are there.
insert into register_rebuild.match_key (match_key, identity)
select k.match_key, k.identity from unnest($1::bytea[], $2::bytea[]) as k (match_key, identity)
where not exists (
  select from register_rebuild.tied t where t.identity = k.identity and t.gone
)
on conflict do nothing;

-- name: rebuild_points
-- Who named which contact point or company.
insert into register_rebuild.identity_point (digest, identity, kind)
select distinct p.digest, f.identity, p.kind
from public.fact f, unnest(f.points, f.point_kinds) as p (digest, kind)
where f.identity = any($1::bytea[]) and f.body ? 'kind'
  and not exists (
    select from register_rebuild.tied t where t.identity = f.identity and t.gone
  )
on conflict do nothing;

-- name: rebuild_related
-- What joins identities, and to whom.
select m.match_key as tie, o.identity
from register_rebuild.match_key m join register_rebuild.match_key o using (match_key)
where m.identity = any($1::bytea[])
union
select uuid_send(t.tie), o.identity
from register_rebuild.tied t join register_rebuild.tied o using (tie)
where t.identity = any($1::bytea[]);

-- name: rebuild_companions
-- With whom identities were placed before.
select o.identity
from register_rebuild.identity i join register_rebuild.identity o using (person_id)
where i.identity = any($1::bytea[]);

-- name: rebuild_placed
-- Which of the identities are placed.
select identity from register_rebuild.identity where identity = any($1::bytea[]);

-- name: rebuild_erasures
-- When identities were erased: each gave them ids of its own.
select distinct time from public.fact
where identity = any($1::bytea[]) and type = 'erasure.requested';

-- name: rebuild_compare_later
-- The ids that identities had, have or could have are to be compared once all are placed.
insert into register_rebuild.todo_person (person_id)
select person_id from register_rebuild.identity where identity = any($1::bytea[])
union select unnest($2::uuid[])
on conflict do nothing;

-- name: rebuild_unseed
-- Forget what was decided of them.
delete from register_rebuild.customer where person_id in (
  select person_id from register_rebuild.identity where identity = any($1::bytea[])
  union select unnest($2::uuid[])
);

-- name: rebuild_seed_again
-- And take them as they are in the register in use.
insert into register_rebuild.customer (person_id, version, cause, alias_of)
select c.person_id, c.version + (c.content is not null)::int, c.cause, c.alias_of
from public.customer c join register_rebuild.todo_person t using (person_id)
on conflict do nothing;

-- name: rebuild_names
-- Identities in their senders' words, as long as those are held.
select distinct on (f.identity) f.identity, f.source, p.subject
from public.fact f join public.fact_party p using (fact_id)
where f.identity = any($1::bytea[]) and p.subject is not null
order by f.identity, f.time desc;

-- name: rebuild_customer_versions
-- Whose message is as it was last said keeps its version; otherwise the next one.
update register_rebuild.customer n
set version = o.version + (n.content is distinct from o.content)::int,
    cause = case when n.content is distinct from o.content then n.cause else o.cause end
from public.customer o
where n.person_id = any($1::uuid[]) and o.person_id = n.person_id;

-- name: rebuild_ban_versions
-- The same of the ban register.
update register_rebuild.ban_digest n
set version = o.version + (n.content is distinct from o.content)::int
from public.ban_digest o
where n.digest = any($1::bytea[]) and o.digest = n.digest;

-- name: rebuild_unsaid
-- What stood for a round, of a person who was not found to be another's yet, was never said.
delete from register_rebuild.ban_digest n
where n.digest = any($1::bytea[]) and n.content is null
  and not exists (select from public.ban_digest o where o.digest = n.digest);

-- name: rebuild_redo
-- Under these digests something else stands now: whoever uses them and is placed, once more.
with digest as (
  insert into register_rebuild.todo_digest (digest) select unnest($1::bytea[])
  on conflict do nothing
)
insert into register_rebuild.todo (identity)
select distinct p.identity
from register_rebuild.identity_point p join register_rebuild.identity i using (identity)
where p.digest = any($1::bytea[]) and p.identity <> all($2::bytea[])
on conflict do nothing;

-- name: rebuild_todo
-- Some of the identities that are to be placed again.
select identity from register_rebuild.todo order by identity limit $1;

-- name: rebuild_done
-- They are placed.
delete from register_rebuild.todo where identity = any($1::bytea[]);

-- name: rebuild_todo_count
-- How many of them there are.
select count(*) from register_rebuild.todo;

-- name: rebuild_todo_after
-- The next of them in order.
select identity from register_rebuild.todo where identity > $1 order by identity limit $2;

-- name: rebuild_unseed_all
-- Forget what was decided of the ids that were touched.
delete from register_rebuild.customer c using register_rebuild.todo_person t
where c.person_id = t.person_id;

-- name: rebuild_todo_digests
-- Some of the digests that are to be said again.
select digest from register_rebuild.todo_digest order by digest limit $1;

-- name: rebuild_done_digests
-- They are said.
delete from register_rebuild.todo_digest where digest = any($1::bytea[]);

-- name: rebuild_todo_persons
-- Some of the ids that are to be compared again.
select person_id from register_rebuild.todo_person order by person_id limit $1;

-- name: rebuild_done_persons
-- They are compared.
delete from register_rebuild.todo_person where person_id = any($1::uuid[]);

-- name: rebuild_forget_todo
-- Everything is going to be compared, so nothing else needs to be remembered.
truncate register_rebuild.todo_digest, register_rebuild.todo_person;
delete from register_rebuild.difference where kind not in ('party', 'fact');

-- name: rebuild_digests_after
-- The next contact points and companies that the ban register knows.
select distinct digest from register_rebuild.ban_entry
where digest > $1 and kind <> 'identity' order by digest limit $2;

-- name: rebuild_touched
-- Whom events and decisions have touched since a horizon: identities, digests, customer ids.
with new_fact as materialized (
  select identity, points from public.fact where age(xmin) <= age($1::text::xid)
), new_digest as materialized (
  select unnest(points) as digest from new_fact
  union select digest from public.ban_digest where age(xmin) <= age($1::text::xid)
  union select digest from public.ban_entry where age(xmin) <= age($1::text::xid)
), new_person as materialized (
  select person_id from public.customer where age(xmin) <= age($1::text::xid)
), persons as (
  insert into register_rebuild.todo_person select person_id from new_person
  on conflict do nothing
), digests as (
  insert into register_rebuild.todo_digest select digest from new_digest
  on conflict do nothing
)
insert into register_rebuild.todo (identity)
select identity from new_fact where identity is not null
union select p.identity from new_digest join public.identity_point p using (digest)
union select i.identity from new_digest join public.identity i on i.identity = digest
union select identity from public.identity where age(xmin) <= age($1::text::xid)
union select identity from public.match_key where age(xmin) <= age($1::text::xid)
union select identity from public.identity_point where age(xmin) <= age($1::text::xid)
union select i.identity from new_person join public.identity i using (person_id)
union select i.identity from new_person join register_rebuild.identity i using (person_id)
on conflict do nothing;

-- name: rebuild_taken
-- Personal data (party) or facts that the rules let nobody hold any more.
insert into register_rebuild.difference (kind, key, fact_id)
select * from unnest($1::text[], $2::bytea[], $3::uuid[]);

-- name: rebuild_uncompare
-- Forget what differed of identities, digests or ids.
delete from register_rebuild.difference where key = any($1::bytea[]);

-- name: rebuild_uncompare_some
-- The same, but for what the rules take away.
delete from register_rebuild.difference
where key = any($1::bytea[]) and kind not in ('party', 'fact');

-- name: rebuild_compare_identities
-- Identities that are somebody else's, or named otherwise.
insert into register_rebuild.difference (kind, key)
select 'identity', coalesce(n.identity, o.identity)
from (select * from register_rebuild.identity
      where $1::bytea[] is null or identity = any($1)) n
full join (select * from public.identity where $1::bytea[] is null or identity = any($1)) o
  on o.identity = n.identity
where (n.person_id, n.source, n.subject) is distinct from (o.person_id, o.source, o.subject);

-- name: rebuild_compare_keys
-- Match keys and contact points that identities have only before or only after.
insert into register_rebuild.difference (kind, key)
select 'key', coalesce(n.identity, o.identity)
from (select * from register_rebuild.match_key
      where $1::bytea[] is null or identity = any($1)) n
full join (select * from public.match_key where $1::bytea[] is null or identity = any($1)) o
  on o.match_key = n.match_key and o.identity = n.identity
where n.identity is null or o.identity is null
union all
select 'key', coalesce(n.identity, o.identity)
from (select * from register_rebuild.identity_point
      where $1::bytea[] is null or identity = any($1)) n
full join (select * from public.identity_point
           where $1::bytea[] is null or identity = any($1)) o
  on o.digest = n.digest and o.identity = n.identity
where n.kind is distinct from o.kind;

-- name: rebuild_compare_entries
-- Lines of the ban register that are missing, too many or other ones.
insert into register_rebuild.difference (kind, key)
select 'entry', coalesce(n.digest, o.digest)
from (select * from register_rebuild.ban_entry where $1::bytea[] is null or digest = any($1)) n
full join (select * from public.ban_entry where $1::bytea[] is null or digest = any($1)) o
  on o.digest = n.digest and o.fact_id = n.fact_id
where to_jsonb(n) is distinct from to_jsonb(o);

-- name: rebuild_compare_bans
-- Digests of which something else stands (ban), or only the kept message is not the one said.
insert into register_rebuild.difference (kind, key)
select case when n.content is distinct from o.content then 'ban' else 'row' end,
       coalesce(n.digest, o.digest)
from (select * from register_rebuild.ban_digest where $1::bytea[] is null or digest = any($1)) n
full join (select * from public.ban_digest where $1::bytea[] is null or digest = any($1)) o
  on o.digest = n.digest
where (n.content, n.kind, n.message) is distinct from (o.content, o.kind, o.message);

-- name: rebuild_compare_customers
-- Customers who are decided otherwise (eligibility), or only kept or found otherwise (found_by
-- is a hash of what they are found by: it may differ where that is the same).
insert into register_rebuild.difference (kind, key)
select case when n.content is distinct from o.content then 'eligibility' else 'row' end,
       uuid_send(coalesce(n.person_id, o.person_id))
from (select * from register_rebuild.customer
      where $1::uuid[] is null or person_id = any($1)) n
full join (select * from public.customer where $1::uuid[] is null or person_id = any($1)) o
  on o.person_id = n.person_id
where (n.content, n.audience, n.message, n.alias_of, n.points, n.exact_email,
       n.consented_products, n.former_since, n.disclosable)
  is distinct from
      (o.content, o.audience, o.message, o.alias_of, o.points, o.exact_email,
       o.consented_products, o.former_since, o.disclosable);

-- name: rebuild_differences
-- How much differs, by kind.
select kind, count(*) from register_rebuild.difference group by kind;

-- name: rebuild_analyze
-- So that the workers' first batches find good plans.
analyze register_rebuild.identity, register_rebuild.match_key, register_rebuild.identity_point,
        register_rebuild.ban_entry, register_rebuild.ban_digest, register_rebuild.customer;

-- name: rebuild_hold_tables
-- Nobody reads the tables in use while they are replaced; who reads long is not waited for.
set local lock_timeout = '5s';
lock table public.identity, public.match_key, public.identity_point, public.ban_entry,
           public.ban_digest, public.customer in access exclusive mode;

-- name: rebuild_swap
-- The new tables take the places of the old ones.
drop table public.identity, public.match_key, public.identity_point, public.ban_entry,
           public.ban_digest, public.customer;
alter table register_rebuild.identity set schema public;
alter table register_rebuild.match_key set schema public;
alter table register_rebuild.identity_point set schema public;
alter table register_rebuild.ban_entry set schema public;
alter table register_rebuild.ban_digest set schema public;
alter table register_rebuild.customer set schema public;

-- name: rebuild_to_take
-- Facts or personal data that go.
select fact_id from register_rebuild.difference where kind = $1;

-- name: rebuild_to_say
-- The next ids or digests of which something else is said now.
select distinct key from register_rebuild.difference
where kind = $1 and key > $2 order by key limit $3;

-- name: rebuild_merged
-- Into whom ids were merged at last, each by its own merge or by later ones.
with recursive led as (
  select person_id, alias_of from customer
  where person_id = any($1::uuid[]) and alias_of is not null
  union
  select l.person_id, c.alias_of from led l join customer c on c.person_id = l.alias_of
  where c.alias_of is not null
)
select person_id, alias_of from led l
where not exists (
  select from customer c where c.person_id = l.alias_of and c.alias_of is not null
);

-- name: rebuild_held
-- Which of the ids somebody has.
select person_id from customer where person_id = any($1::uuid[]) and content is not null;
