DROP TABLE nothing_of_this_is_run;
