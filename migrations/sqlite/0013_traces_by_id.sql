-- The unique key of a trace finds it by its id as well: there are few projects to look in. Every index by id is a page of
-- its own to write for each new trace.
DROP INDEX traces_trace_id;
