"""Stage `report`: what people read.

The package imports nothing by itself, so that `python -m vidmem.report.show` starts at once.
"""
