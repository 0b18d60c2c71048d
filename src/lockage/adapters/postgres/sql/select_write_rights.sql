-- Whether a schema can be made here. Privilege: none. Cost: under 1 ms.
select current_database() as database,
       current_user as role,
       has_database_privilege(current_database(), 'CREATE') as may_create,
       pg_is_in_recovery() as is_standby
