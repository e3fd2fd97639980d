"""Remedies against memorisation that act while sampling: one file a remedy; `apply` makes them ready for a pipeline."""
