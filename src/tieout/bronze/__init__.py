"""Bronze: source rows as they were in one batch, typed and append-only, in Iceberg tables on the lake."""
