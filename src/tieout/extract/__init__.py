"""Extraction: a source's rows as Arrow record batches, written to Bronze in bounded memory."""
