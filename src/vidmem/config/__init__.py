"""The config of an audit: pydantic models, one file a section, from which schema and handbook are generated."""

from typing import TYPE_CHECKING

from vidmem.lazy import loads

if TYPE_CHECKING:
    from vidmem.config.audit import Audit
    from vidmem.config.load import ConfigError, load_config
    from vidmem.config.versions import STAGE_VERSIONS

__all__ = ["STAGE_VERSIONS", "Audit", "ConfigError", "load_config"]

# Processes that decode need `config.media` alone.
__getattr__ = loads(
    __name__, {"Audit": "audit", "ConfigError": "load", "load_config": "load", "STAGE_VERSIONS": "versions"}
)
