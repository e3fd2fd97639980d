"""Lists of captions that serve as controls: `<version>.csv`, one column `caption`."""
