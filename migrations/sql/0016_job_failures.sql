-- Why a background job failed when it was last tried. The queue's own tables have no room for it.
CREATE TABLE IF NOT EXISTS job_failures (
    job_id bigint NOT NULL,
    at timestamptz NOT NULL,
    attempt integer NOT NULL,
    error text NOT NULL,
    CONSTRAINT pk_job_failures PRIMARY KEY (job_id)
);
