DROP TABLE purge_progress;
