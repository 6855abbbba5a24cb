-- The tables of the peers: the register's core, as a day's work would make it.
create table event_key (
    source text not null,
    event_id text not null,
    primary key (source, event_id)
);
create table fact (
    source text not null,
    event_id text not null,
    type text not null,
    subject text,
    time timestamptz not null,
    body jsonb not null,
    primary key (source, event_id)
);
create table person (
    source text not null,
    subject text not null,
    state jsonb not null,
    version integer not null,
    message jsonb not null,
    primary key (source, subject)
);
create table person_point (
    point text not null,
    source text not null,
    subject text not null,
    primary key (point, source, subject)
);
create table ban (
    point text not null,
    source text not null,
    event_id text not null,
    lifts boolean not null,
    scope jsonb not null,
    time timestamptz not null,
    primary key (point, source, event_id)
);
