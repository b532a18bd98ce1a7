"""Ingestion: from source files to documents, passages and vectors in the record."""
