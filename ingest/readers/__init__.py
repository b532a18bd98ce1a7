"""Readers: one file per format, each turning a source file into a document."""
