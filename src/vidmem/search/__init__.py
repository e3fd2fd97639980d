"""Searching the vectors of many videos: what the stages that compare videos share."""
