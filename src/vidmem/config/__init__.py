"""The config of an audit: pydantic models, one file a section, from which schema and handbook are generated."""

from vidmem.config.audit import Audit
from vidmem.config.load import ConfigError, load_config
from vidmem.config.versions import STAGE_VERSIONS

__all__ = ["STAGE_VERSIONS", "Audit", "ConfigError", "load_config"]
