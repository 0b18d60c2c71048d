-- The last %(bytes)s bytes of a file of the server's; no row where it is no regular file with something in it, a pipe among
-- them, which reading would empty. Needs pg_read_server_files with EXECUTE on both functions, or a superuser.
select pg_read_binary_file(%(file)s, greatest(f.size - %(bytes)s, 0), %(bytes)s) as bytes, f.size > %(bytes)s as cut
  from pg_stat_file(%(file)s, true) as f
 where not f.isdir and f.size > 0
