DROP TABLE workspace_builds;
DROP TABLE provisioner_jobs;
DROP TYPE workspace_transition;
DROP TYPE job_status;
