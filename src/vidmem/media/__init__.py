"""Video and image files: what they hold, their frames by time, and writing new ones. Files are hostile until read."""

from vidmem.media.apart import PROBES, Apart, Aparts, probe_apart
from vidmem.media.encode import encode_video, write_video
from vidmem.media.format import Format, centre_crop, to_format
from vidmem.media.probe import probe
from vidmem.media.ref import Clip, MediaError, MediaInfo, MediaRef, hash_of
from vidmem.media.sample import read_clip, resize, sample_times, shown_at

__all__ = [
    "PROBES",
    "Apart",
    "Aparts",
    "Clip",
    "Format",
    "MediaError",
    "MediaInfo",
    "MediaRef",
    "centre_crop",
    "encode_video",
    "hash_of",
    "probe",
    "probe_apart",
    "read_clip",
    "resize",
    "sample_times",
    "shown_at",
    "to_format",
    "write_video",
]
