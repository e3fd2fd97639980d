"""Similarity of videos as functions of vectors: no files, no stages, no models."""
