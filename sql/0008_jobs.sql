-- Jobs: what the service does by itself or was asked to do, each attempt at it, and the queue they wait in.

-- One row a run. tick_at is the planned time that the run stands for, NULL when somebody asked for it; a planned
-- time has one run, whoever of several workers was first to notice it.
ALTER TABLE job_run ADD COLUMN IF NOT EXISTS state text NULL;
ALTER TABLE job_run ADD COLUMN IF NOT EXISTS queued_at timestamptz NULL;
ALTER TABLE job_run ADD COLUMN IF NOT EXISTS tick_at timestamptz NULL;
ALTER TABLE job_run ADD COLUMN IF NOT EXISTS dedupe_key text NULL;
ALTER TABLE job_run ADD COLUMN IF NOT EXISTS payload jsonb NOT NULL DEFAULT '{}';
ALTER TABLE job_run ADD COLUMN IF NOT EXISTS attempt integer NOT NULL DEFAULT 0;
-- Of the attempts: how many failed, and how many ended together with their worker.
ALTER TABLE job_run ADD COLUMN IF NOT EXISTS failures integer NOT NULL DEFAULT 0;
ALTER TABLE job_run ADD COLUMN IF NOT EXISTS losses integer NOT NULL DEFAULT 0;
ALTER TABLE job_run ADD COLUMN IF NOT EXISTS rows_changed bigint NOT NULL DEFAULT 0;
-- From 0 to 1, and what the job says of how far it is.
ALTER TABLE job_run ADD COLUMN IF NOT EXISTS progress double precision NOT NULL DEFAULT 0;
ALTER TABLE job_run ADD COLUMN IF NOT EXISTS note text NOT NULL DEFAULT '';
-- Why the last attempt did not succeed, or why the run was skipped.
ALTER TABLE job_run ADD COLUMN IF NOT EXISTS error text NULL;
ALTER TABLE job_run ADD COLUMN IF NOT EXISTS cancel_requested boolean NOT NULL DEFAULT FALSE;
ALTER TABLE job_run ADD COLUMN IF NOT EXISTS heartbeat_at timestamptz NULL;

ALTER TABLE job_run DROP CONSTRAINT IF EXISTS job_run_ended_with_outcome;
ALTER TABLE job_run DROP CONSTRAINT IF EXISTS job_run_outcome_known;
DO $$
BEGIN
    IF EXISTS (
        SELECT FROM information_schema.columns
        WHERE table_schema = current_schema() AND table_name = 'job_run' AND column_name = 'outcome'
    ) THEN
        -- Runs from before the queue: one that has no end was stopped together with its worker.
        UPDATE job_run
        SET state = CASE outcome WHEN 'done' THEN 'done' WHEN 'failed' THEN 'failed' ELSE 'lost' END,
            ended_at = coalesce(ended_at, started_at),
            queued_at = started_at
        WHERE state IS NULL;
        ALTER TABLE job_run DROP COLUMN outcome;
    END IF;
END
$$;
ALTER TABLE job_run ALTER COLUMN state SET NOT NULL;
ALTER TABLE job_run ALTER COLUMN queued_at SET NOT NULL;

ALTER TABLE job_run DROP CONSTRAINT IF EXISTS job_run_state_known;
ALTER TABLE job_run ADD CONSTRAINT job_run_state_known
    CHECK (state IN ('queued', 'running', 'done', 'skipped', 'failed', 'cancelled', 'lost'));
ALTER TABLE job_run DROP CONSTRAINT IF EXISTS job_run_ended_with_state;
ALTER TABLE job_run ADD CONSTRAINT job_run_ended_with_state
    CHECK ((ended_at IS NULL) = (state IN ('queued', 'running')));
ALTER TABLE job_run DROP CONSTRAINT IF EXISTS job_run_progress_is_a_part;
ALTER TABLE job_run ADD CONSTRAINT job_run_progress_is_a_part CHECK (progress BETWEEN 0 AND 1);

CREATE UNIQUE INDEX IF NOT EXISTS job_run_tick ON job_run (job, tick_at) WHERE tick_at IS NOT NULL;
-- Of runs that ask for the same, one waits or runs at a time.
CREATE UNIQUE INDEX IF NOT EXISTS job_run_open_dedupe_key ON job_run (job, dedupe_key)
    WHERE state IN ('queued', 'running') AND dedupe_key IS NOT NULL;
CREATE INDEX IF NOT EXISTS job_run_open ON job_run (job_run_id) WHERE state IN ('queued', 'running');
CREATE INDEX IF NOT EXISTS job_run_by_job ON job_run (job, job_run_id);
CREATE INDEX IF NOT EXISTS job_run_by_state ON job_run (state, job_run_id);

-- One row an attempt at a run. stopped: its worker was told to end and gave the run back. lost: its worker died,
-- or stood still for so long that another took over.
CREATE TABLE IF NOT EXISTS job_attempt (
    job_run_id bigint NOT NULL REFERENCES job_run (job_run_id) ON DELETE CASCADE,
    attempt integer NOT NULL CHECK (attempt > 0),
    worker text NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz NULL,
    outcome text NULL
        CONSTRAINT job_attempt_outcome_known
        CHECK (outcome IN ('done', 'skipped', 'failed', 'cancelled', 'stopped', 'lost')),
    error text NULL,
    PRIMARY KEY (job_run_id, attempt),
    CONSTRAINT job_attempt_ended_with_outcome CHECK ((ended_at IS NULL) = (outcome IS NULL))
);

-- From here on: what pgqueuer 1.6.0 needs, as `PGQUEUER_SCHEMA=job_queue pgq sql install` prints it, made so that
-- it can be run twice. It is the library's own; our statements only ask whether a run still has its row here.
-- pgqueuer is copyright (c) 2024 janbjorge, MIT licence: https://github.com/janbjorge/pgqueuer

CREATE SCHEMA IF NOT EXISTS job_queue;

DO $$
BEGIN
    CREATE TYPE job_queue.pgqueuer_status AS ENUM ('queued', 'picked', 'successful', 'exception', 'canceled', 'deleted', 'failed');
EXCEPTION
    WHEN duplicate_object THEN NULL;
END
$$;

CREATE TABLE IF NOT EXISTS job_queue.pgqueuer (
    id bigserial NOT NULL PRIMARY KEY,
    priority integer NOT NULL,
    queue_manager_id uuid,
    created timestamp with time zone NOT NULL DEFAULT now(),
    updated timestamp with time zone NOT NULL DEFAULT now(),
    heartbeat timestamp with time zone NOT NULL DEFAULT now(),
    execute_after timestamp with time zone NOT NULL DEFAULT now(),
    status job_queue.pgqueuer_status NOT NULL,
    entrypoint text NOT NULL,
    dedupe_key text,
    payload bytea,
    headers jsonb,
    attempts integer NOT NULL DEFAULT 0,
    slot bigint
);

CREATE TABLE IF NOT EXISTS job_queue.pgqueuer_log (
    id bigint GENERATED BY DEFAULT AS IDENTITY NOT NULL PRIMARY KEY,
    created timestamp with time zone NOT NULL DEFAULT now(),
    job_id bigint NOT NULL,
    status job_queue.pgqueuer_status NOT NULL,
    priority integer NOT NULL,
    entrypoint text NOT NULL,
    traceback jsonb,
    aggregated boolean DEFAULT false
);

CREATE TABLE IF NOT EXISTS job_queue.pgqueuer_schedules (
    id bigserial NOT NULL PRIMARY KEY,
    expression text NOT NULL,
    entrypoint text NOT NULL,
    heartbeat timestamp with time zone NOT NULL DEFAULT now(),
    created timestamp with time zone NOT NULL DEFAULT now(),
    updated timestamp with time zone NOT NULL DEFAULT now(),
    next_run timestamp with time zone NOT NULL DEFAULT now(),
    last_run timestamp with time zone,
    status job_queue.pgqueuer_status DEFAULT 'queued'::job_queue.pgqueuer_status,
    UNIQUE (expression, entrypoint)
);

CREATE TABLE IF NOT EXISTS job_queue.pgqueuer_statistics (
    id bigserial NOT NULL PRIMARY KEY,
    created timestamp with time zone NOT NULL DEFAULT date_trunc('sec'::text, now()),
    count bigint NOT NULL,
    priority integer NOT NULL,
    status job_queue.pgqueuer_status NOT NULL,
    entrypoint text NOT NULL
);

CREATE INDEX IF NOT EXISTS pgqueuer_ep_ea_idx ON job_queue.pgqueuer USING btree (entrypoint, execute_after) WHERE (status = 'queued'::job_queue.pgqueuer_status);

CREATE INDEX IF NOT EXISTS pgqueuer_ep_prio_id_idx ON job_queue.pgqueuer USING btree (entrypoint, priority DESC, id) WHERE (status = 'queued'::job_queue.pgqueuer_status);

CREATE INDEX IF NOT EXISTS pgqueuer_log_created ON job_queue.pgqueuer_log USING btree (created);

CREATE INDEX IF NOT EXISTS pgqueuer_log_job_id_status ON job_queue.pgqueuer_log USING btree (job_id, created DESC);

CREATE INDEX IF NOT EXISTS pgqueuer_log_not_aggregated ON job_queue.pgqueuer_log USING btree ((1)) WHERE (NOT aggregated);

CREATE INDEX IF NOT EXISTS pgqueuer_log_status ON job_queue.pgqueuer_log USING btree (status);

CREATE INDEX IF NOT EXISTS pgqueuer_picked_heartbeat_idx ON job_queue.pgqueuer USING btree (heartbeat) WHERE (status = 'picked'::job_queue.pgqueuer_status);

CREATE UNIQUE INDEX IF NOT EXISTS pgqueuer_picked_slot_idx ON job_queue.pgqueuer USING btree (entrypoint, slot) WHERE ((status = 'picked'::job_queue.pgqueuer_status) AND (slot IS NOT NULL));

CREATE INDEX IF NOT EXISTS pgqueuer_priority_id_id1_idx ON job_queue.pgqueuer USING btree (priority, id DESC) INCLUDE (id) WHERE (status = 'queued'::job_queue.pgqueuer_status);

CREATE INDEX IF NOT EXISTS pgqueuer_queue_manager_id_idx ON job_queue.pgqueuer USING btree (queue_manager_id) WHERE (queue_manager_id IS NOT NULL);

CREATE UNIQUE INDEX IF NOT EXISTS pgqueuer_statistics_unique_count ON job_queue.pgqueuer_statistics USING btree (priority, date_trunc('sec'::text, timezone('UTC'::text, created)), status, entrypoint);

CREATE UNIQUE INDEX IF NOT EXISTS pgqueuer_unique_dedupe_key ON job_queue.pgqueuer USING btree (dedupe_key) WHERE ((status = ANY (ARRAY['queued'::job_queue.pgqueuer_status, 'picked'::job_queue.pgqueuer_status])) AND (dedupe_key IS NOT NULL));

CREATE INDEX IF NOT EXISTS pgqueuer_updated_id_id1_idx ON job_queue.pgqueuer USING btree (updated, id DESC) INCLUDE (id) WHERE (status = 'picked'::job_queue.pgqueuer_status);

CREATE OR REPLACE FUNCTION job_queue.fn_pgqueuer_changed() RETURNS TRIGGER AS $$
DECLARE
    to_emit BOOLEAN := false;  -- Flag to decide whether to emit a notification
BEGIN
    -- Check operation type and set the emit flag accordingly
    IF TG_OP = 'UPDATE' AND OLD IS DISTINCT FROM NEW THEN
        to_emit := true;
    ELSIF TG_OP = 'DELETE' THEN
        to_emit := true;
    ELSIF TG_OP = 'INSERT' THEN
        to_emit := true;
    ELSIF TG_OP = 'TRUNCATE' THEN
        to_emit := true;
    END IF;

    -- Perform notification if the emit flag is set
    IF to_emit THEN
        PERFORM pg_notify(
            'ch_pgqueuer',
            json_build_object(
                'channel', 'ch_pgqueuer',
                'operation', lower(TG_OP),
                'sent_at', NOW(),
                'table', TG_TABLE_NAME,
                'type', 'table_changed_event'
            )::text
        );
    END IF;

    -- Return appropriate value based on the operation
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        RETURN NEW;
    ELSIF TG_OP = 'DELETE' THEN
        RETURN OLD;
    ELSE
        RETURN NULL; -- For TRUNCATE and other non-row-specific contexts
    END IF;

END;
$$ LANGUAGE plpgsql;

CREATE OR REPLACE TRIGGER tg_pgqueuer_changed
AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON job_queue.pgqueuer
EXECUTE FUNCTION job_queue.fn_pgqueuer_changed();
