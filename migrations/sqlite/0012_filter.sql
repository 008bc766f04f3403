-- Nothing to do: SQLite can ask whether a text is JSON (`json_valid`), for which Postgres gets a function here.
SELECT 1;
