-- Attributes in a compressed form; `attributes` is then empty. NULL where the text is kept as it is: in rows of
-- before, in small ones, and on Postgres, which compresses by itself.
ALTER TABLE spans ADD COLUMN packed_attributes BLOB;
