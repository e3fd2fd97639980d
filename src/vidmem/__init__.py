"""vidmem: an audit of video diffusion models for memorised training data."""

__version__ = "0.1.0"
